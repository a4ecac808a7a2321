/*
 * test_check.c - faults on purpose: each must be found by the test that is meant for it.
 *
 * The template and the shift op, changed by one sed line each.
 */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/check.h"
#include "plugin_fixture.h"

#define BACKBONE "plugins/template/backbone.c"
#define SHIFT    "plugins/shift/shift.c"
#define DATASET  "plugins/template/dataset.c"
#define BARLOW   "plugins/barlow/barlow.cc"
#define CUTOUT   "plugins/cutout/cutout.c"
#define FADE     "plugins/template/transform.c"

/* What hangs takes all of its time; a machine that does other things, too, is no fault.
 */
static const double seconds_to_hang = 1;
static const double seconds_a_test = 120;

typedef struct fault {
    const char *source;
    const char *sed;   /* what is broken */
    const char *flags; /* for cc */
    const char *test;  /* that finds it */
    const char *text;  /* it says */
} fault;

static const fault faults[] = {
    {BACKBONE, "/const struct params \\*p = given;/a __builtin_trap();", "",
     "build/same graph", "crashed in org.example.tiny/tiny build (SIGILL)"},
    {BACKBONE,
     "/const struct params \\*p = given;/a for (;;) __asm__ volatile (\"\" : : : "
     "\"memory\");",
     "", "build/same graph", "took more than"},
    {BACKBONE,
     "/const struct params \\*p = given;/a static int n; if (n++ \\& 1) "
     "((struct params *)given)->width = 9;",
     "", "build/same graph", "another graph"},
    {BACKBONE,
     "s/p->width)/8)/; s/2 \\* p->width/16/; s/const struct params \\*p = "
     "given;/(void)given;/",
     "", "schema/dead parameters", "'width' changes nothing"},
    {BACKBONE,
     "s/const struct params \\*p = given;/&\\n    if (p->width == 9) return "
     "-2;/",
     "", "schema/corners", "gives no reason"},
    {BACKBONE,
     "s/^static avcl_node layer/__attribute__((visibility(\"default\"))) "
     "avcl_node layer(const avcl_build *b, avcl_node x, const char *name, "
     "int64_t width);\\navcl_node layer/",
     "", "load/exports", "it exports 'layer'"},
    {BACKBONE,
     "$a __attribute__((constructor)) static void early(void) { "
     "__builtin_printf(\"hello\\\\n\"); }",
     "", "load/process", "loading prints"},
    {BACKBONE,
     "$a #include <unistd.h>\\n__attribute__((constructor)) static void "
     "early(void) { if (chdir(\"/\")) return; }",
     "", "load/process", "current folder"},
    {BACKBONE, "", "-Ofast", "load/process", "floating-point mode"},
    {BACKBONE, "", "-Wl,--no-as-needed -l:libgomp.so.1", "load/libraries",
     "libgomp.so.1"},
    {BACKBONE,
     "s/out\\[POOL\\] = avcl_b_global_avg_pool(b, out\\[CONV2\\]);/{ avcl_node "
     "p_ = avcl_b_global_avg_pool(b, out[CONV2]); int64_t n = 0; out[POOL] = "
     "avcl_b_sub(b, p_, avcl_b_mean(b, p_, \\&n, 1, 1)); }/",
     "", "numerics/rows", "rows must not see each other"},
    {BACKBONE,
     "s/{.name = \"pool\", .layout = \"NC\"/{.name = \"pool\", .layout = \"NCT\"/", "",
     "shapes/outputs", "'pool' has 2 axes"},
    {BACKBONE,
     "s/modules\\[\\] = {&module}/modules[] = {\\&module, \\&module}/; "
     "s/n_modules = 1/n_modules = 2/",
     "", "load/file", "'tiny' stands twice"},
    {SHIFT,
     "s/return in_grad\\[0\\] ? run(\\(.*\\)) : AVCL_OK;/run(\\1); if "
     "(in_grad[0]->dtype == AVCL_F64) for (int64_t i = 0; i < in_grad[0]->shape[4]; "
     "i++) ((double *)in_grad[0]->data)[(in_grad[0]->nbytes >> 3) - 1 - i] *= 1.02; "
     "return "
     "AVCL_OK;/",
     "", "gradient/inputs", "case 'eighth': the gradient differs"},
    {SHIFT,
     "s/return run(r, attrs, inputs\\[0\\], outputs\\[0\\], 1);/"
     "((char *)outputs[0]->data)[outputs[0]->nbytes] = 1; &/",
     "", "kernel/hygiene", "outside output 0"},
    {SHIFT,
     "s/return run(r, attrs, inputs\\[0\\], outputs\\[0\\], 1);/"
     "((char *)outputs[0]->data)[-1] = 1; &/",
     "", "kernel/hygiene", "outside output 0"},
    {SHIFT,
     "s/return run(r, attrs, inputs\\[0\\], outputs\\[0\\], 1);/"
     "*(char *)inputs[0]->data = 1; &/",
     "", "kernel/hygiene", "writes to input 0"},
    {SHIFT,
     "s/return in_grad\\[0\\] ? /if (*(char *)inputs[0]->data == 77) return -1; &/", "",
     "kernel/hygiene", "does not save"},
    {SHIFT,
     "s/return in_grad\\[0\\] ? /if (in_grad[0]) for (uint64_t i = 0; i < "
     "in_grad[0]->nbytes >> 3; i++) if (in_grad[0]->dtype == AVCL_F64) ((double "
     "*)in_grad[0]->data)[i] += 1; if (in_grad[0]) return AVCL_OK; &/",
     "", "kernel/hygiene", "leaves element"},
    {SHIFT, "s/if (source >= 0/if (t == 1) continue;\\n&/", "", "kernel/hygiene",
     "leaves element"},
    {SHIFT,
     "s/return run(r, attrs, inputs\\[0\\], outputs\\[0\\], 1);/static double n; "
     "avcl_status rc = run(r, attrs, inputs[0], outputs[0], 1); if "
     "(outputs[0]->dtype == AVCL_F64) *(double *)outputs[0]->data = n++; return rc;/",
     "", "determinism/twice", "other bits"},
    {SHIFT,
     "s/return run(r, attrs, inputs\\[0\\], outputs\\[0\\], 1);/__builtin_trap();/", "",
     "determinism/twice", "crashed in org.example.shift/shift forward (SIGILL)"},
    {SHIFT,
     "s/out_info\\[0\\] = in_info\\[0\\];/for (;;) __asm__ volatile (\"\" : : : "
     "\"memory\");/",
     "", "build/same graph", "took more than"},
    {SHIFT, "s/out_info\\[0\\] = in_info\\[0\\];/&\\n    out_info[0].ndim = 77;/", "",
     "build/same graph", "impossible shape"},
    {SHIFT,
     "s/(double)from->shape\\[1\\] \\* a->fraction/(double)from->shape[1] * 0.125 + "
     "0 * a->fraction/",
     "", "schema/dead parameters", "'fraction' changes nothing"},
    {SHIFT,
     "s/AVCL_DTYPE_BIT(AVCL_F32) | AVCL_DTYPE_BIT(AVCL_F64)/"
     "AVCL_DTYPE_BIT(AVCL_F32)/",
     "", "load/file", "must offer f64"},
    {BARLOW, "s/const double n = /throw 7; &/; s/noexcept//", "-lstdc++",
     "build/same graph", "crashed in org.example.barlow/barlow build (SIGABRT)"},
    {DATASET, "s/memset(rgb, 32, (size_t)(n/memset(rgb, 32, (size_t)((n + 1)/", "",
     "dataset/bounds", "frames reaches outside its frames"},
    {DATASET,
     "s/memset(rgb, 32, (size_t)(n \\* side/memset(rgb, 32, (size_t)(n * (side - 1)/", "",
     "dataset/bounds", "not all of it is written"},
    {DATASET, "s/i < FRAMES \\* RATE \\/ FPS; i++)/i < FRAMES * RATE \\/ FPS - 9; i++)/",
     "", "dataset/bounds", "sound leaves sample"},
    {DATASET,
     "s/int64_t step = index/static int64_t calls; calls++;\\n    int64_t step = calls/",
     "", "determinism/order", "other samples"},
    {DATASET,
     "s/int64_t step = index/static int64_t calls; calls++;\\n    int64_t step = calls/",
     "", "threads/reads", "several threads at once"},
    {DATASET,
     "s/if (index < 0 || index >= count(self)) return AVCL_END;/if (index < 0) "
     "return AVCL_END; index %= count(self);/",
     "", "dataset/opens", "row 64 of 64 is not its end"},
    {DATASET, "s/    free(s->names);//", "", "leaks/opens", "leave"},
    {DATASET,
     "s/(struct set \\*)self)->params->side;/&/; "
     "s/int64_t side = ((const struct set \\*)self)->params->side;/int64_t side = 32;/; "
     "s/(int32_t)s->params->side/32/",
     "", "schema/dead parameters", "'side' changes nothing"},
    {CUTOUT, "s/clamp((centre\\[0\\] + half) \\* (double)height, height)/height + 1/", "",
     "transform/bounds", "apply writes outside what it is given"},
    {CUTOUT,
     "s/double centre\\[2\\];/&\\n    static double n;/; "
     "s/double half = .*/double half = p->side \\/ 2; centre[0] = (n = n > 1 ? 0 : n + "
     "0.01);/",
     "", "determinism/draws", "randomness is the host's"},
    {CUTOUT, "s/(int)p->level/0/", "", "schema/dead parameters",
     "'level' changes nothing"},
    {FADE, "s/wave\\[i\\] \\*= factor/wave[i] \\/= wave[i]/", "", "numerics/extremes",
     "element 0 becomes"},
};

static void compile_fault(const plugin_fixture *f, const fault *x, char path[PATH + 32])
{
    char command[8 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    const char *suffix = strrchr(x->source, '.');
    int n = snprintf(command, sizeof command,
                     "cd '%s' && sed '%s' '%s/%s' >s%s && cc -w -O1 -shared -fPIC "
                     "-fvisibility=hidden -I'%s/core/include' s%s %s -o bad.so -lm",
                     f->dir, x->sed, root, x->source, suffix, root, suffix, x->flags);
    assert_true(n > 0 && (size_t)n < sizeof command);
    if (system(command)) fail_msg("%s", command);
    snprintf(path, PATH + 32, "%s/bad.so", f->dir);
}

/* The worst result of the tests of that name. */
static avcl_check_result run_check(const char *path, const fault *x)
{
    avcl_error err = {0};
    avcl_check_options o = {
        .file = path,
        .only = x->test,
        .plugin_path = getenv("AVCL_MODULES"),
        .seed = 1,
        .seconds = strstr(x->text, "took more than") ? seconds_to_hang : seconds_a_test};
    avcl_check_result worst = {.verdict = -1};
    avcl_check_result r;
    avcl_check *c = avcl_check_new(&o, &err);
    if (!c) fail_msg("%s", err.message);
    while (avcl_check_next(c, &r))
        if (r.verdict > worst.verdict) worst = r;
    avcl_check_free(c);
    return worst;
}

static void test_check__finds_every_seeded_fault(void **state)
{
    plugin_fixture *f = *state;
    int missed = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
#if defined(__SANITIZE_ADDRESS__)
        /* Its allocator does not say what is in use. */
        if (strncmp(faults[i].test, "leaks/", 6) == 0) continue;
#endif
        char path[PATH + 32];
        compile_fault(f, &faults[i], path);
        avcl_check_result r = run_check(path, &faults[i]);
        int names = strncmp(faults[i].test, "load/", 5) == 0 ||
                    strncmp(r.module, "org.example.", 12) == 0;
        if (r.verdict >= AVCL_CHECK_WARN && names && strstr(r.text, faults[i].text))
            continue;
        print_error("fault %zu: %s says '%s' (%d), wanted '%s'\n", i, faults[i].test,
                    r.text, r.verdict, faults[i].text);
        missed++;
    }
    assert_int_equal(missed, 0);
}

static void test_check__passes_what_is_right(void **state)
{
    plugin_fixture *f = *state;
    static const fault none[] = {{BACKBONE, "", "", "", ""},
                                 {SHIFT, "", "", "", ""},
                                 {DATASET, "", "-lm", "", ""},
                                 {CUTOUT, "", "", "", ""},
                                 {FADE, "", "", "", ""}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char path[PATH + 32];
        compile_fault(f, &none[i], path);
        avcl_error err = {0};
        avcl_check_options o = {
            .file = path, .plugin_path = getenv("AVCL_MODULES"), .seed = 1};
        avcl_check_result r;
        avcl_check *c = avcl_check_new(&o, &err);
        if (!c) fail_msg("%s", err.message);
        int n = 0;
        for (; avcl_check_next(c, &r); n++)
            if (r.verdict >= AVCL_CHECK_WARN)
                fail_msg("%s %s: %s", r.module, r.test, r.text);
        avcl_check_free(c);
        assert_true(n > 12);
    }
}

int main(void)
{
    setenv("AVCL_MODULES", getenv("AVCL_PLUGIN_PATH"), 1);
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_check__finds_every_seeded_fault),
        PLUGIN_TEST(test_check__passes_what_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
