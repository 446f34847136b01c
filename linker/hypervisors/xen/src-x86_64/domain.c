/* What the domain is: facts of its start, which all others read. */
#include "xen.h"

const char host_name[] = "previrt-xen";
const char host_signature[12] = "PrevirtXen";

bool is_dom0;
bool statistics_wanted;
u32 console_port;
struct shared_info *shared_info;
struct xencons_interface *console_ring;
