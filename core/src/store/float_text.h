/*
 * float_text.h - numbers as text, whatever the process's locale says.
 */
#ifndef AVCL_FLOAT_TEXT_H
#define AVCL_FLOAT_TEXT_H

/* strtod in the C locale: "." is the decimal point everywhere. */
double avcl__float_parse(const char *text, char **end);
/* Reads what avcl_float_text wrote, .inf and .nan too; 0 = it is not a float. */
int avcl__float_read(const char *text, double *value);

#endif
