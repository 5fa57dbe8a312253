#include "astrocodec.h"

uint32_t ac_abi_version(void) { return AC_ABI_VERSION; }

const char *ac_status_string(int status)
{
    switch (status) {
    case AC_OK: return "ok";
    case AC_ERROR_ARGUMENT: return "argument outside its range";
    case AC_ERROR_MEMORY: return "out of memory";
    case AC_ERROR_SPACE: return "output buffer too small";
    case AC_ERROR_TRUNCATED: return "input ends too early";
    case AC_ERROR_CORRUPT: return "input is corrupt";
    case AC_ERROR_MODEL: return "model breaks its format";
    case AC_ERROR_NO_MODEL: return "the stream's model is neither given nor installed";
    case AC_ERROR_VERSION: return "made by a newer version";
    case AC_ERROR_FORMAT: return "not an astrocodec stream";
    case AC_ERROR_CODEC: return "of a codec that is not here";
    case AC_ERROR_REFERENCE: return "the stream's reference is not given, or another one is";
    default: return "unknown status";
    }
}
