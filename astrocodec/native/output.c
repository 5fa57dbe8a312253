/* Room for a stream, for callers that cannot be called back. */
#include <stdlib.h>

#include "astrocodec.h"

uint8_t *ac_take_room(void *owner, size_t length)
{
    ac_room *room = owner;
    room->length = length;
    return room->data = malloc(length ? length : 1);
}

void ac_room_free(ac_room *room)
{
    if (room) free(room->data), room->data = NULL;
}
