/* Runs pipelines on pictures: for each, seven integers on standard input, then the elements; the result goes out.

The integers: which kernel, bits of an element, whether it is a float, columns and rows of the source, then of the
output. A column is an element. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "HalideRuntime.h"

typedef int (*Kernel)(halide_buffer_t *source, int32_t tasks, halide_buffer_t *output);
extern const Kernel kernels[];

static void describe(halide_buffer_t *buffer, halide_dimension_t *dim, int bits, int is_float, int columns, int rows) {
    dim[0] = (halide_dimension_t){0, columns, 1, 0};
    dim[1] = (halide_dimension_t){0, rows, columns, 0};
    *buffer = (halide_buffer_t){0};
    buffer->dimensions = 2, buffer->dim = dim;
    buffer->type = (struct halide_type_t){is_float ? halide_type_float : halide_type_uint, bits, 1};
    buffer->host = malloc((size_t)columns * rows * (bits / 8));
}

static size_t size(const halide_buffer_t *buffer) {
    return (size_t)buffer->dim[0].extent * buffer->dim[1].extent * (buffer->type.bits / 8);
}

int main(void) {
    int32_t head[7];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        halide_buffer_t source, output;
        halide_dimension_t dims[4];
        describe(&source, dims, head[1], head[2], head[3], head[4]);
        describe(&output, dims + 2, head[1], head[2], head[5], head[6]);
        if (fread(source.host, size(&source), 1, stdin) != 1 || kernels[head[0]](&source, 4, &output)) return 1;
        fwrite(output.host, size(&output), 1, stdout);
        free(source.host), free(output.host);
    }
    return 0;
}
