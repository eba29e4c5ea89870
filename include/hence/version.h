/* Which hence this is. */
#ifndef HENCE_VERSION_H
#define HENCE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports; everything else is hidden. */
#ifndef HENCE_API
#define HENCE_API __attribute__((visibility("default")))
#endif

/* The version of these headers, for conditional compilation. */
#define HENCE_VERSION_MAJOR 0
#define HENCE_VERSION_MINOR 1
#define HENCE_VERSION_PATCH 0

/* The version of the library at run time, "MAJOR.MINOR.PATCH". Static text, never NULL. */
HENCE_API const char *hence_version(void);

#ifdef __cplusplus
}
#endif

#endif
