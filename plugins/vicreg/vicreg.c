/*
 * vicreg.c - variance, invariance and covariance of two sets of features.
 *
 *     loss = lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))
 *
 * s: mean squared distance; v: mean over channels of max(0, gamma - std), gamma = 1;
 * c: sum of squared off-diagonal covariances / channels. Bardes, Ponce, LeCun: VICReg,
 * ICLR 2022, eqs 1-6.
 */
#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.vicreg", "1.0");

struct params {
    double lambda;
    double mu;
    double nu;
};

#define WEIGHT(field, what, value)                                                       \
    {                                                                                    \
        .name = #field, .doc = what, .type = AVCL_FLOAT, .flags = AVCL_P_MIN, .min = 0,  \
        .def_float = value, .offset = offsetof(struct params, field)                     \
    }
static const avcl_param params[] = {
    WEIGHT(lambda, "Weight of invariance.", 25),
    WEIGHT(mu, "Weight of variance.", 25),
    WEIGHT(nu, "Weight of covariance.", 1),
};

static const avcl_port inputs[] = {
    {.name = "video", .layout = "NC", .doc = "Features of one kind, Z."},
    {.name = "audio", .layout = "NC", .doc = "Features of the other, Z'."},
};
static const avcl_port outputs[] = {
    {.name = "loss", .layout = "", .doc = "The weighted sum."},
};

static const double gamma_ = 1;
static const double epsilon = 1e-4;
static const int64_t ROWS = 0;

/* Mean over channels of max(0, gamma - sqrt(var + epsilon)); z is centred. */
static avcl_node variance(const avcl_build *b, avcl_node z, double n)
{
    avcl_node sum = avcl_b_sum(b, avcl_b_square(b, z), &ROWS, 1, 0);
    avcl_node std = avcl_b_sqrt(b, avcl_b_affine(b, sum, 1 / (n - 1), epsilon));
    return avcl_b_mean(b, avcl_b_relu(b, avcl_b_affine(b, std, -1, gamma_)), NULL, 0, 0);
}

/* Sum of squares off the diagonal = all squares less those of the diagonal. */
static avcl_node covariance(const avcl_build *b, avcl_node z, double n, double channels)
{
    avcl_node c = avcl_b_affine(b, avcl_b_matmul(b, z, z, 1, 0), 1 / (n - 1), 0);
    avcl_node all = avcl_b_sum(b, avcl_b_square(b, c), NULL, 0, 0);
    avcl_node var =
        avcl_b_affine(b, avcl_b_sum(b, avcl_b_square(b, z), &ROWS, 1, 0), 1 / (n - 1), 0);
    avcl_node own = avcl_b_sum(b, avcl_b_square(b, var), NULL, 0, 0);
    return avcl_b_affine(b, avcl_b_sub(b, all, own), 1 / channels, 0);
}

static avcl_node centred(const avcl_build *b, avcl_node z)
{
    return avcl_b_sub(b, z, avcl_b_mean(b, z, &ROWS, 1, 1));
}

static avcl_node both(const avcl_build *b, avcl_node x, avcl_node y, double weight)
{
    return avcl_b_affine(b, avcl_b_add(b, x, y), weight, 0);
}

static avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                         avcl_node *out)
{
    const struct params *p = given;
    double n = (double)avcl_b_dim(b, in[0], 0);
    double channels = (double)avcl_b_dim(b, in[0], 1);
    if (n < 2) return avcl_b_report(b, AVCL_E_SHAPE, "a variance needs two rows or more");
    avcl_node u = centred(b, in[0]);
    avcl_node v = centred(b, in[1]);
    avcl_node distance = avcl_b_square(b, avcl_b_sub(b, in[0], in[1]));
    avcl_node loss = avcl_b_affine(b, avcl_b_mean(b, distance, NULL, 0, 0), p->lambda, 0);
    loss = avcl_b_add(b, loss, both(b, variance(b, u, n), variance(b, v, n), p->mu));
    out[0] = avcl_b_add(
        b, loss,
        both(b, covariance(b, u, n, channels), covariance(b, v, n, channels), p->nu));
    return avcl_b_status(b);
}

static const avcl_builder builder = {sizeof builder, 2,       1,    sizeof(avcl_port),
                                     inputs,         outputs, build};

static const avcl_module module = {
    .struct_size = sizeof module,
    .param_size = sizeof(avcl_param),
    .n_params = sizeof params / sizeof *params,
    .params_size = sizeof(struct params),
    .numerics = 1,
    .kind = AVCL_KIND_LOSS,
    .name = "vicreg",
    .summary = "Variance, invariance and covariance of two sets of features.",
    .cite = "Bardes, Ponce, LeCun: VICReg, ICLR 2022, eqs 1-6",
    .params = params,
    .iface = &builder,
};
static const avcl_module *const modules[] = {&module};

const avcl_plugin avcl_plugin_v1 = {
    .struct_size = sizeof avcl_plugin_v1,
    .abi_major = AVCL_ABI_MAJOR,
    .abi_minor = AVCL_ABI_MINOR,
    .n_modules = 1,
    .id = "org.example.vicreg",
    .version = "1.0",
    .license = "MIT",
    .summary = "VICReg.",
    .manifest = avcl_manifest_,
    .modules = modules,
};
