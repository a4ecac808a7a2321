/*
 * judge.h - what the counts of damage make of a file, for whoever decodes it.
 */
#ifndef AVCL_JUDGE_H
#define AVCL_JUDGE_H

#include "avcl/media.h"

/* State and reason out of the counts. */
void avcl__media_judge(avcl_media_report *report);
int32_t avcl__wave_is_silent(const avcl_wave *wave);

#endif
