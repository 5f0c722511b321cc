/* Writes one byte behind a block. A build that does not die of it has no AddressSanitizer. */
#include <stdlib.h>

int main(int argc, char **argv) {
    char *block = malloc((size_t)argc);

    (void)argv;
    if (block == NULL)
        return 2;
    ((volatile char *)block)[argc] = 1;
    free(block);
    return 0;
}
