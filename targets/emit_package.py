"""What build systems read beside the library, and a program to start from."""

from .network_plan import Plan

# No name of a network has a hyphen.
EXAMPLE = "c-example"


def package_files(plan: Plan) -> dict[str, str]:
    """Text by file name: for pkg-config and for CMake.

    Both find the library where they lie themselves, so that the folder may be moved.
    """
    return {f"{plan.name}.pc": _pkg_config(plan), f"{plan.name}-config.cmake": _cmake_config(plan)}


def example_files(plan: Plan) -> dict[str, str]:
    """Text by file name: a program that reads a file, built with CMake."""
    return {
        f"{EXAMPLE}/CMakeLists.txt": _example_cmake(plan),
        f"{EXAMPLE}/main.c": _example(plan),
    }


def _pkg_config(plan: Plan) -> str:
    """The archive is named in full: beside it lies a shared library, which would have to be found
    again when the program starts.
    """
    return f"""\
prefix=${{pcfiledir}}

Name: {plan.name}
Description: a compiled binary network
Version: 1
Cflags: -I${{prefix}}
Libs: ${{prefix}}/lib{plan.name}.a
"""


def _cmake_config(plan: Plan) -> str:
    name = plan.name
    return f"""\
# find_package({name} CONFIG) gives the library as {name}::{name}.
if(NOT TARGET {name}::{name})
    add_library({name}::{name} STATIC IMPORTED)
    set_target_properties({name}::{name} PROPERTIES
        IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}}/lib{name}.a"
        INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_LIST_DIR}}")
endif()
"""


def _example_cmake(plan: Plan) -> str:
    name = plan.name
    return f"""\
cmake_minimum_required(VERSION 3.13)
project(example C)

find_package({name} REQUIRED CONFIG PATHS "${{CMAKE_CURRENT_SOURCE_DIR}}/.." NO_DEFAULT_PATH)

add_executable(example main.c)
target_link_libraries(example PRIVATE {name}::{name})
set_target_properties(example PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
"""


def _example(plan: Plan) -> str:
    name, upper = plan.name, plan.name.upper()
    return f"""\
/* Prints the class of an image: a file of {upper}_IMAGE_BYTES raw pixels, row after row. */
#include <stdio.h>

#include "{name}.h"

static const char *const class_names[{upper}_CLASSES] = {upper}_CLASS_NAMES;

static _Alignas({upper}_ARENA_ALIGNMENT) unsigned char arena[{upper}_ARENA_BYTES];
static uint8_t image[{upper}_IMAGE_BYTES];
static int32_t logits[{upper}_CLASSES];

static int read_image(const char *path)
{{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t count = fread(image, 1, sizeof image, file);
    fclose(file);
    return count == sizeof image;
}}

static const char *meaning(int status)
{{
    switch (status) {{
    case {upper}_UNALIGNED_ARENA: return "the arena is not aligned";
    case {upper}_WRONG_PROCESSOR: return "this processor lacks instructions";
    default: return "an unknown error";
    }}
}}

static int best_class(void)
{{
    int best = 0;
    for (int i = 1; i < {upper}_CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}}

int main(int count, char **words)
{{
    if (count != 2 || !read_image(words[1])) {{
        fprintf(stderr, "give a file of %d bytes: %d x %d pixels with %d channels\\n",
                {upper}_IMAGE_BYTES, {upper}_IMAGE_HEIGHT, {upper}_IMAGE_WIDTH,
                {upper}_IMAGE_CHANNELS);
        return 2;
    }}
    int status = {name}_run_in(arena, image, logits);
    if (status != 0) {{
        fprintf(stderr, "{name}: %s\\n", meaning(status));
        return 1;
    }}
    int best = best_class();
    printf("%s %ld\\n", class_names[best], (long)logits[best]);
    return 0;
}}
"""
