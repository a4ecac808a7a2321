/*
 * cdef.h - every public header, in order, for `cc -E -P -DAVCL_CDEF`: LuaJIT's
 * declarations.
 *
 * Never compiled. build.h and philox.h are source, not ABI, and stay out.
 */
#include "avcl/check.h"
#include "avcl/csv.h"
#include "avcl/custom.h"
#include "avcl/data.h"
#include "avcl/device.h"
#include "avcl/error.h"
#include "avcl/evaluate.h"
#include "avcl/graph.h"
#include "avcl/host.h"
#include "avcl/media.h"
#include "avcl/op.h"
#include "avcl/ops.h"
#include "avcl/param.h"
#include "avcl/plugged.h"
#include "avcl/plugin.h"
#include "avcl/prepare.h"
#include "avcl/profile.h"
#include "avcl/runs.h"
#include "avcl/samples.h"
#include "avcl/session.h"
#include "avcl/store.h"
#include "avcl/survey.h"
#include "avcl/train.h"
#include "avcl/transform.h"
#include "avcl/types.h"

#include "cli/log.h"
#include "cli/process.h"
#include "cli/signals.h"
#include "cli/threads.h"

const char *avcl_abi_hash(void); /* SHA-256 of this text, compiled into libavcl */
