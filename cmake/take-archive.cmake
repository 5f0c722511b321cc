# Takes what cargo made, and the list of its sources, into the build folder. In a folder that CARGO_TARGET_DIR names,
# cargo may put the archive of another build, with other features, in the same place.
#
#   cmake -DFROM=… -DTO=… -P take-archive.cmake      (both without .a and .d)
file(READ "${FROM}.d" sources)
string(REGEX REPLACE "^[^\n]*[^\\]: ([^\n]*).*" "\\1" sources "${sources}")
cmake_path(GET TO PARENT_PATH folder)
file(MAKE_DIRECTORY "${folder}")
file(COPY_FILE "${FROM}.a" "${TO}.a")
# What triggered this must not trigger it for ever, whatever the age of cargo's file.
file(TOUCH "${TO}.a")
file(WRITE "${TO}.d" "${TO}.a: ${sources}\n")
