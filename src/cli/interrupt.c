#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* The only thing a signal handler may touch. */
static volatile sig_atomic_t interrupted;

static void note(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

void hn_interrupt_catch(void)
{
    const struct sigaction once = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    sigaction(SIGINT, &once, NULL);
}

void hn_interrupt_watch(void)
{
    /* Without SA_RESTART: a read that waits for a line ends, too. */
    const struct sigaction always = {.sa_handler = note};
    interrupted = 0;
    sigaction(SIGINT, &always, NULL);
}

void hn_interrupt_release(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(SIGINT, &usual, NULL);
}

bool hn_interrupted(void)
{
    return interrupted != 0;
}
