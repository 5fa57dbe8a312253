#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *text;
} reasons[AC_REASONS] = {
#define REASON(name, status, text) [AC_REASON_##name] = {AC_ERROR_##status, text},
#include "reasons.h"
#undef REASON
};

int ac_status_of(int reason) { return reasons[reason].status; }

int ac_fault_take(ac_fault *fault, const ac_refusal *why, uint64_t origin)
{
    if (fault) {
        fault->status = why->status, fault->reason = why->reason;
        fault->at = origin + why->at, fault->found = why->found, fault->allowed = why->allowed;
    }
    return why->status;
}

int ac_fault_plain(ac_fault *fault, int status)
{
    if (fault && !fault->status) fault->status = status;
    return status;
}

/* Text that grows in a buffer, whether or not it fits. */
typedef struct {
    char *out;
    size_t capacity, length;
} writer;

static void put(writer *w, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++, w->length++)
        if (w->length + 1 < w->capacity) w->out[w->length] = text[i];
}

static void put_number(writer *w, uint64_t number, int is_hexadecimal)
{
    char text[24];
    const int length = is_hexadecimal ? snprintf(text, sizeof text, "%016" PRIx64, number) : snprintf(text, sizeof text, "%" PRIu64, number);
    put(w, text, (size_t)length);
}

static void put_filled(writer *w, const char *text, const ac_fault *f)
{
    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            put(w, p, 1);
            continue;
        }
        switch (*++p) {
        case 'f': put_number(w, f->found, 0); break;
        case 'a': put_number(w, f->allowed, 0); break;
        case 'x': put_number(w, f->found, 1); break;
        case 'i': put_number(w, f->index, 0); break;
        default: put(w, f->said, strlen(f->said));
        }
    }
}

static const char *section_name(uint64_t id)
{
    static const char *names[] = {"planes", "reference", "cuts", "code weights", "quantise", "maps", "axes", "blanks", "loss"};
    if (id >= 16 && id <= 24) return names[id - 16];
    return id == 1 ? "model" : id == 2 ? "name" : id == 127 ? "codec" : NULL;
}

static void put_place(writer *w, const ac_fault *f)
{
    char text[120];
    int n = 0;
    if (f->part == AC_IN_VALUES) return; /* their texts name it */
    if (f->part == AC_IN_PIECE)
        n = snprintf(text, sizeof text, "piece %" PRIu64 " (plane %" PRIu64 ", row %" PRIu64 ", column %" PRIu64 "), ", f->index, f->plane, f->row, f->column);
    if (f->part == AC_IN_SECTION) {
        const char *name = section_name(f->index);
        n = snprintf(text, sizeof text, name ? "section %" PRIu64 " (%s), " : "section %" PRIu64 ", ", f->index, name);
    }
    put(w, text, (size_t)n);
    put(w, "byte ", 5);
    put_number(w, f->at, 0);
    put(w, ": ", 2);
}

int ac_fault_text(const ac_fault *fault, char *out, size_t capacity)
{
    if (!fault || (!out && capacity)) return -1;
    writer w = {out, capacity, 0};
    if (fault->reason <= AC_REASON_NONE || fault->reason >= AC_REASONS) {
        const char *text = ac_status_string(fault->status);
        put(&w, text, strlen(text));
    } else {
        /* what a missing codec is called and what a decoder says need no place */
        if (fault->reason != AC_REASON_CODEC && fault->reason != AC_REASON_FOREIGN && fault->reason != AC_REASON_NO_MODEL && fault->status != AC_ERROR_REFERENCE) put_place(&w, fault);
        put_filled(&w, reasons[fault->reason].text, fault);
    }
    if (capacity) out[w.length < capacity ? w.length : capacity - 1] = 0;
    return (int)w.length;
}
