/*
 * barlow.cc - a loss in C++: cross-correlation of two sets of features towards identity.
 *
 *     loss = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2
 *
 * Zbontar, Jing, Misra, LeCun, Deny: Barlow Twins, ICML 2021, eqs 1-2. C++17; nothing may
 * throw through the C interface, hence noexcept.
 *
 *     c++ -std=c++17 -O2 -shared $(pkg-config --cflags avcl-plugin) barlow.cc -o
 * barlow.avcl.so
 */
#include <cstddef>

#include "avcl/build.h"

AVCL_PLUGIN_MANIFEST("org.example.barlow", "1.0");

namespace
{

struct Params {
    double lambda;
};

constexpr avcl_param lambda_row()
{
    avcl_param p{};
    p.name = "lambda";
    p.doc = "Weight of what is off the diagonal.";
    p.type = AVCL_FLOAT;
    p.flags = AVCL_P_MIN;
    p.min = 0;
    p.def_float = 0.005;
    p.offset = offsetof(Params, lambda);
    return p;
}
constexpr avcl_param params[] = {lambda_row()};

constexpr avcl_port port(const char *name, const char *layout, const char *doc)
{
    avcl_port p{};
    p.name = name;
    p.layout = layout;
    p.doc = doc;
    return p;
}
constexpr avcl_port inputs[] = {port("video", "NC", "Features of one kind."),
                                port("audio", "NC", "Features of the other.")};
constexpr avcl_port outputs[] = {port("loss", "", "Distance of C from identity.")};

/* Channels with mean 0 and deviation 1 over the batch. */
avcl_node standardise(const avcl_build *b, avcl_node z)
{
    const int64_t rows = 0;
    avcl_node x = avcl_b_sub(b, z, avcl_b_mean(b, z, &rows, 1, 1));
    avcl_node var = avcl_b_mean(b, avcl_b_square(b, x), &rows, 1, 1);
    return avcl_b_div(b, x, avcl_b_sqrt(b, avcl_b_affine(b, var, 1, 1e-5)));
}

avcl_status build(const avcl_build *b, const void *given, const avcl_node *in,
                  avcl_node *out) noexcept
{
    const auto *p = static_cast<const Params *>(given);
    const double n = static_cast<double>(avcl_b_dim(b, in[0], 0));
    if (n < 2)
        return avcl_b_report(b, AVCL_E_SHAPE, "a correlation needs two rows or more");
    avcl_node u = standardise(b, in[0]);
    avcl_node v = standardise(b, in[1]);
    avcl_node c = avcl_b_affine(b, avcl_b_matmul(b, u, v, 1, 0), 1 / n, 0);
    const int64_t rows = 0;
    avcl_node diagonal = avcl_b_mean(b, avcl_b_mul(b, u, v), &rows, 1, 0);
    avcl_node on = avcl_b_square(b, avcl_b_affine(b, diagonal, -1, 1));
    avcl_node all = avcl_b_sum(b, avcl_b_square(b, c), nullptr, 0, 0);
    avcl_node own = avcl_b_sum(b, avcl_b_square(b, diagonal), nullptr, 0, 0);
    avcl_node off = avcl_b_affine(b, avcl_b_sub(b, all, own), p->lambda, 0);
    out[0] = avcl_b_add(b, avcl_b_sum(b, on, nullptr, 0, 0), off);
    return avcl_b_status(b);
}

constexpr avcl_builder builder = {
    sizeof(avcl_builder), 2, 1, sizeof(avcl_port), inputs, outputs, build};

constexpr avcl_module module = {
    sizeof(avcl_module),
    sizeof(avcl_param),
    1,
    sizeof(Params),
    1, /* numerics */
    0,
    AVCL_KIND_LOSS,
    "barlow",
    "Cross-correlation towards identity.",
    "Zbontar et al.: Barlow Twins, ICML 2021, eqs 1-2",
    params,
    &builder,
};
constexpr const avcl_module *modules[] = {&module};

} // namespace

const avcl_plugin avcl_plugin_v1 = {
    sizeof(avcl_plugin),  AVCL_ABI_MAJOR, AVCL_ABI_MINOR, 1,
    "org.example.barlow", "1.0",          "MIT",          "Barlow Twins, in C++.",
    avcl_manifest_,       modules,        nullptr,
};
