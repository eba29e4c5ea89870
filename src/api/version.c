#include "hence/version.h"

#define TEXT_(x)      #x
#define TEXT(x)       TEXT_(x)
#define JOIN(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *hence_version(void)
{
    return JOIN(HENCE_VERSION_MAJOR, HENCE_VERSION_MINOR, HENCE_VERSION_PATCH);
}
