#include "meter/usage.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/bits.h"

struct hn_receipt hn_receipt_blank(void)
{
    return (struct hn_receipt){
        .queue_s = NAN,
        .prefill_s = NAN,
        .decode_s = NAN,
        .total_s = NAN,
        .ttft_s = NAN,
        .core_s = NAN,
        .joules = NAN,
    };
}

double hn_receipt_itl_s(const struct hn_receipt *receipt)
{
    if (receipt->completion_tokens < 2) return NAN;
    return receipt->decode_s / (double)(receipt->completion_tokens - 1);
}

/* A figure, not negative, with so many decimals; printf takes thrice as long for a double. */
static void put_figure(double figure, int decimals, char *out, size_t room)
{
    uint64_t unit = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    const uint64_t n = (uint64_t)round(fmin(figure, 1e9) * (double)unit);
    if (decimals) snprintf(out, room, "%" PRIu64 ".%0*" PRIu64, n / unit, decimals, n % unit);
    else snprintf(out, room, "%" PRIu64, n);
}

size_t hn_receipt_headers(const struct hn_receipt *receipt,
                          struct hn_figure out[HN_RECEIPT_HEADERS])
{
    const double tokens = receipt->rows ? NAN : 1;
    const struct {
        const char *name;
        double figure;
        int decimals;
    } rows[] = {
        {"hence-rows", receipt->rows ? (double)receipt->rows : NAN, 0},
        {"hence-prompt-tokens", tokens * (double)receipt->prompt_tokens, 0},
        {"hence-cached-tokens", tokens * (double)receipt->cached_tokens, 0},
        {"hence-completion-tokens", tokens * (double)receipt->completion_tokens, 0},
        {"hence-reasoning-tokens", tokens * (double)receipt->reasoning_tokens, 0},
        {"hence-queue-seconds", receipt->queue_s, 6},
        {"hence-prefill-seconds", receipt->prefill_s, 6},
        {"hence-decode-seconds", receipt->decode_s, 6},
        {"hence-total-seconds", receipt->total_s, 6},
        {"hence-ttft-seconds", receipt->ttft_s, 6},
        {"hence-core-seconds", receipt->core_s, 6},
        {"hence-joules", receipt->joules, 3},
    };
    _Static_assert(HN_COUNT(rows) == HN_RECEIPT_HEADERS, "as the header says");
    size_t n = 0;
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        if (!isfinite(rows[i].figure) || rows[i].figure < 0) continue;
        out[n].name = rows[i].name;
        put_figure(rows[i].figure, rows[i].decimals, out[n].text, sizeof out[n].text);
        n++;
    }
    return n;
}
