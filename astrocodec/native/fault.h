/* What is wrong with an input. */
#ifndef AC_FAULT_H
#define AC_FAULT_H

#include "astrocodec.h"

typedef enum {
    AC_REASON_NONE,
#define REASON(name, status, text) AC_REASON_##name,
#include "reasons.h"
#undef REASON
    AC_REASONS
} ac_reason;

/* The part of an ac_fault that the stages fill in; `at` counts from where the stage's own bytes begin. */
typedef struct {
    int32_t status, reason;
    uint64_t at, found, allowed;
} ac_refusal;

int ac_status_of(int reason);
/* The first refusal is kept. Returns the status. */
static inline int ac_refuse(ac_refusal *why, int reason, uint64_t at, uint64_t found, uint64_t allowed)
{
    if (!why->status) *why = (ac_refusal){ac_status_of(reason), reason, at, found, allowed};
    return why->status;
}
/* Takes a refusal over, its bytes `origin` into the stream. NULL: nobody asks. Returns the status. */
int ac_fault_take(ac_fault *fault, const ac_refusal *why, uint64_t origin);
/* A failure without a reason: the status says all. */
int ac_fault_plain(ac_fault *fault, int status);

#endif
