/* rows.c - reads and writes rows of the kernel plan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

enum { LINE_SIZE = 256 };

static const char *const ops[] = {"conv3d", "conv3d_backward_data",
                                  "conv3d_backward_weight"};
static const char *const kernels[] = {"direct", "winograd", "native"};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

static uint64_t fnv(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3U;
    return hash;
}

/* What follows the shape: "direct", "native" or "winograd tiles=14 frames=4
 * share=points".
 */
static int read_choice(const char *text, conv_choice *c)
{
    char kernel[16];
    char share[8] = "tiles";
    int read = 0;
    *c = (conv_choice){0};
    if (sscanf(text, "%15s %n", kernel, &read) != 1) return 0;
    while (c->kernel < N_KERNELS && strcmp(kernel, kernels[c->kernel]))
        c->kernel++;
    if (c->kernel != KERNEL_WINOGRAD) return c->kernel < N_KERNELS && !text[read];
    text += read;
    read = 0;
    sscanf(text, "tiles=%ld frames=%ld %n", &c->tiles, &c->frames, &read);
    if (!read || c->tiles < 1 || c->tiles > 4096 || c->frames < 1 || c->frames > 4096)
        return 0;
    text += read;
    if (*text && (sscanf(text, "share=%7s %n", share, &read) != 1 || text[read]))
        return 0;
    c->shares_points = !strcmp(share, "points");
    return c->shares_points || !strcmp(share, "tiles");
}

static int read_row(const char *line, conv_row *row)
{
    conv_shape *s = &row->shape;
    char op[32];
    int read = 0;
    memset(row, 0, sizeof *row);
    sscanf(line, "%31s %7s %ldx%ldx%ldx%ld %ldx%ldx%ldx%ld s%ldx%ldx%ld p%ldx%ldx%ld %n",
           op, row->isa, &s->in, &s->x[0], &s->x[1], &s->x[2], &s->out, &s->kernel[0],
           &s->kernel[1], &s->kernel[2], &s->stride[0], &s->stride[1], &s->stride[2],
           &s->pad[0], &s->pad[1], &s->pad[2], &read);
    if (!read) return 0;
    for (s->direction = 0; s->direction < 3; s->direction++)
        if (!strcmp(op, ops[s->direction])) return read_choice(line + read, &row->choice);
    return 0;
}

static avcl_status add_row(avcl_device *device, const conv_row *row, avcl_error *err)
{
    conv_plan *p = device->plan;
    if (strcmp(row->isa, device->isa->name)) return AVCL_OK; /* another machine's */
    conv_row *grown = realloc(p->rows, (p->n_rows + 1) * sizeof *grown);
    if (!grown) return avcl__fail(err, AVCL_E_NOMEM, "no memory for the kernel plan");
    p->rows = grown;
    p->rows[p->n_rows++] = *row;
    return AVCL_OK;
}

/* Up to the end of the line or a comment; returns where the next line starts. */
static const char *next_line(const char *text, char *line)
{
    size_t length = strcspn(text, "\n");
    size_t used = strcspn(text, "#\n");
    if (used >= LINE_SIZE) used = LINE_SIZE - 1;
    memcpy(line, text, used);
    line[used] = 0;
    return text + length + (text[length] == '\n');
}

static avcl_status read_text(avcl_device *device, const char *text, avcl_error *err)
{
    char line[LINE_SIZE];
    device->plan->hash = fnv(device->plan->hash, text);
    for (int number = 1; *text; number++) {
        conv_row row;
        text = next_line(text, line);
        if (!line[strspn(line, " \t\r")]) continue;
        if (!read_row(line, &row))
            return avcl__fail(err, AVCL_E_INVALID,
                              "line %d of the kernel plan is no row: '%.120s'", number,
                              line);
        avcl_status status = add_row(device, &row, err);
        if (status) return status;
    }
    return AVCL_OK;
}

avcl_status avcl__conv_plan_open(avcl_device *device, const char *text, avcl_error *err)
{
    device->plan = calloc(1, sizeof *device->plan);
    if (!device->plan)
        return avcl__fail(err, AVCL_E_NOMEM, "no memory for the kernel plan");
    device->plan->hash = 0xCBF29CE484222325U;
    avcl_status status = read_text(device, avcl__conv_table, err);
    return status || !text ? status : read_text(device, text, err);
}

void avcl__conv_plan_close(avcl_device *device)
{
    if (device->plan) free(device->plan->rows);
    free(device->plan);
}

static int same_key(const conv_shape *a, const conv_shape *b)
{
    for (int d = 0; d < 3; d++)
        if (a->x[d] != b->x[d] || a->kernel[d] != b->kernel[d] ||
            a->stride[d] != b->stride[d] || a->pad[d] != b->pad[d])
            return 0;
    return a->direction == b->direction && a->in == b->in && a->out == b->out;
}

const conv_row *avcl__conv_find_row(const avcl_device *device, const conv_shape *s)
{
    const conv_plan *p = device->plan;
    for (uint32_t i = p->n_rows; i > 0; i--)
        if (same_key(&p->rows[i - 1].shape, s)) return &p->rows[i - 1];
    return NULL;
}

void avcl__conv_print_row(const avcl_device *device, const conv_shape *s,
                          const conv_choice *c, char *text, uint64_t size)
{
    int n = snprintf(
        text, size, "%s %s %ldx%ldx%ldx%ld %ldx%ldx%ldx%ld s%ldx%ldx%ld p%ldx%ldx%ld %s",
        ops[s->direction], device->isa->name, s->in, s->x[0], s->x[1], s->x[2], s->out,
        s->kernel[0], s->kernel[1], s->kernel[2], s->stride[0], s->stride[1],
        s->stride[2], s->pad[0], s->pad[1], s->pad[2], kernels[c->kernel]);
    if (c->kernel == KERNEL_WINOGRAD && n > 0 && (uint64_t)n < size)
        snprintf(text + n, size - (uint64_t)n, " tiles=%ld frames=%ld%s", c->tiles,
                 c->frames, c->shares_points ? " share=points" : "");
}
