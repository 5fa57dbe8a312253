#include "foreign.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"

static _Atomic(ac_decoder) set;

void ac_set_decoder(ac_decoder decoder) { atomic_store(&set, decoder); }

/* What may be printed of UTF-8 that anyone may have written: ASCII, with a question mark for any other character. */
static void printable(char *to, size_t room, const uint8_t *from, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length && n + 1 < room; i++)
        if ((from[i] & 0xc0) != 0x80) to[n++] = from[i] >= 32 && from[i] < 127 ? (char)from[i] : '?';
    to[n] = 0;
}

int ac_foreign_missing(const ac_header *h, ac_fault *fault)
{
    const ac_refusal why = {AC_ERROR_CODEC, AC_REASON_CODEC, 3, (uint64_t)h->codec, 0};
    if (fault) {
        char name[128] = "", install[128] = "";
        const uint8_t *end = h->name.length ? memchr(h->name.bytes, '\n', h->name.length) : NULL;
        const size_t named = end ? (size_t)(end - h->name.bytes) : h->name.length;
        printable(name, sizeof name, h->name.bytes, named);
        if (end) printable(install, sizeof install, end + 1, h->name.length - named - 1);
        if (*name)
            snprintf(fault->said, sizeof fault->said, "'%.100s' (id %d) is needed, which is not installed%s%.100s", name, h->codec, *install ? ": " : "", install);
        else
            snprintf(fault->said, sizeof fault->said,
                     h->codec < 192 ? "%d is needed, which this astrocodec does not know: upgrade astrocodec"
                                    : "%d is needed, a private one that is not installed: ask who wrote the data for it",
                     h->codec);
    }
    return ac_fault_take(fault, &why, 0);
}

int ac_foreign_decode(const ac_header *h, const uint8_t *stream, size_t length, void *out, size_t size, ac_fault *fault)
{
    const ac_decoder decoder = atomic_load(&set);
    if (!decoder) return ac_foreign_missing(h, fault);
    char said[sizeof fault->said] = "";
    int status = decoder(stream, length, out, size, said, sizeof said);
    if (!status) return AC_OK;
    said[sizeof said - 1] = 0;
    if (!*said && status == AC_ERROR_CODEC) return ac_foreign_missing(h, fault);
    if (status < 0 || !strcmp(ac_status_string(status), ac_status_string(-1))) status = AC_ERROR_CORRUPT;
    const ac_refusal why = {status, *said ? AC_REASON_FOREIGN : AC_REASON_NONE, 0, 0, 0};
    if (fault) printable(fault->said, sizeof fault->said, (const uint8_t *)said, strlen(said));
    return ac_fault_take(fault, &why, 0);
}
