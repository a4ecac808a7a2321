/* views.h - the ports that methods on two streams have in common. */
#ifndef AVCL_MODULES_VIEWS_H
#define AVCL_MODULES_VIEWS_H

#include "avcl/plugin.h"

enum { VIDEO, AUDIO, N_VIEWS, TARGET_VIDEO = N_VIEWS, TARGET_AUDIO, N_VIEWS_AND_TARGETS };

/* The first N_VIEWS, or all. */
static const avcl_port view_ports[N_VIEWS_AND_TARGETS] = {
    {.name = "video", .layout = "NC", .doc = "Video features."},
    {.name = "audio", .layout = "NC", .doc = "Audio features of the same clips."},
    {.name = "target_video",
     .layout = "NC",
     .doc = "Video features of the network that follows.",
     .flags = AVCL_PORT_NOGRAD},
    {.name = "target_audio",
     .layout = "NC",
     .doc = "Audio features of the network that follows.",
     .flags = AVCL_PORT_NOGRAD},
};

enum { LOSS, Z_VIDEO, Z_AUDIO, N_LOSS_AND_Z };

static const avcl_port loss_and_z_ports[N_LOSS_AND_Z] = {
    {.name = "loss", .layout = "", .doc = "The loss, both directions added."},
    {.name = "video", .layout = "NC", .doc = "Video features after the projector."},
    {.name = "audio", .layout = "NC", .doc = "Audio features after the projector."},
};

#endif
