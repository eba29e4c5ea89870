#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "hence/version.h"

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define X(name, summary) {#name, summary, hn_cmd_##name},
#include "cli/commands.def"
#undef X
};

static void print_help(FILE *f)
{
    fputs("hence runs models that others trained on this machine's processors.\n"
          "\n"
          "usage: hence COMMAND [OPTIONS] ...\n"
          "\n",
          f);
    for (size_t i = 0; i < HN_COUNT(commands); i++)
        fprintf(f, "  %-12s  %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "`hence COMMAND --help` explains a command. Results go to standard output and all else\n"
          "to standard error; the exit status is 0 only on success.\n",
          f);
}

static void print_version(void)
{
    char cpu[100];
    hn_cpu_model(cpu, sizeof cpu);
    printf("hence %s\nbuilt by %s\n%s, %u threads, kernels of level %s\n", hence_version(),
           HN_COMPILER, cpu, hn_cpu_count(), hn_cpu_level_name(hn_cpu_detect()));
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < HN_COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown(const char *word)
{
    const char *names[HN_COUNT(commands)];
    for (size_t i = 0; i < HN_COUNT(commands); i++)
        names[i] = commands[i].name;
    const char *near = hn_cli_nearest(word, names, HN_COUNT(names));
    fprintf(stderr, "hence: there is no command %s%s%s; hence --help lists them\n", word,
            near ? "; did you mean " : "", near ? near : "");
    return HN_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    const struct command *command = find(argv[2]);
    char flag[] = "--help";
    char *words[] = {argv[2], flag, NULL};
    return command ? command->run(2, words) : unknown(argv[2]);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return HN_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return help(word[0] == '-' ? 1 : argc, argv);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        print_version();
        return EXIT_SUCCESS;
    }
    const struct command *command = find(word);
    return command ? command->run(argc - 1, argv + 1) : unknown(word);
}

/* A stream that the program was started without must not become the first file it opens. What is put
 * there instead fails when it is used. */
static void fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    fill_streams();
    const int status = dispatch(argc, argv);
    /* A full disk behind a redirection shows only here. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("hence: cannot write to standard output");
        return status ? status : EXIT_FAILURE;
    }
    return status;
}
