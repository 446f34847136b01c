/* The selectors that stand in the hardware's FS and GS for the guest's. */
#ifndef LOL_HOST_SEGMENTS_H
#define LOL_HOST_SEGMENTS_H

#include "vcpu.h"

u16 host_fs(void);
u16 host_gs(void);

#endif
