/* Runs one look-up in a color table: four integers on standard input, then the picture, the table and, in float32, six
numbers (see pipelines/color_table/float32.py); the result goes out.

The integers: elements of a row, rows, entries along a side of the table, and the step of a level. FIXED_POINT, BITS
and IS_FLOAT are given to the compiler. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "HalideRuntime.h"

#if FIXED_POINT
int thinlens_kernel(halide_buffer_t *, halide_buffer_t *, int32_t, int32_t, int32_t, halide_buffer_t *);
#else
int thinlens_kernel(halide_buffer_t *, halide_buffer_t *, halide_buffer_t *, int32_t, int32_t, halide_buffer_t *);
#endif

static void *describe(halide_buffer_t *buffer, halide_dimension_t *dim, int code, int bits, int columns, int rows) {
    dim[0] = (halide_dimension_t){0, columns, 1, 0};
    dim[1] = (halide_dimension_t){0, rows, columns, 0};
    *buffer = (halide_buffer_t){0};
    buffer->dimensions = rows ? 2 : 1, buffer->dim = dim;
    buffer->type = (struct halide_type_t){code, bits, 1};
    size_t bytes = (size_t)columns * (rows ? rows : 1) * (bits / 8);
    return buffer->host = aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void get(void *place, size_t bytes) {
    if (bytes && fread(place, bytes, 1, stdin) != 1) exit(1);
}

int main(void) {
    int32_t head[4];
    get(head, sizeof head);
    int size = head[2], code = IS_FLOAT ? halide_type_float : halide_type_uint;
    halide_buffer_t source, table, lines, output;
    halide_dimension_t dims[8];
    size_t bytes = (size_t)head[0] * head[1] * (BITS / 8);
    get(describe(&source, dims, code, BITS, head[0], head[1]), bytes);
    describe(&output, dims + 2, code, BITS, head[0], head[1]);
#if FIXED_POINT
    int elements = size * (size - 1) * (size - 1) * 16;
    get(describe(&table, dims + 4, halide_type_int, 16, elements, 0), (size_t)elements * 2);
    (void)lines;
    if (thinlens_kernel(&source, &table, size, head[3], 4, &output)) return 1;
#else
    int elements = size * size * size * 4;
    get(describe(&table, dims + 4, halide_type_float, 32, elements, 0), (size_t)elements * 4);
    get(describe(&lines, dims + 6, halide_type_float, 32, 3, 2), 24);
    if (thinlens_kernel(&source, &table, &lines, size, 4, &output)) return 1;
#endif
    fwrite(output.host, bytes, 1, stdout);
    return 0;
}
