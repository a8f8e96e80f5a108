# Benchmarks: one program for each bench/*/bench_*.c, with its folder's other files; `bench` builds
# and runs them all, then the Python ones. Figures are ratios of medians within one run; nothing here is a test.
file(GLOB ACN_BENCHES CONFIGURE_DEPENDS bench/*/bench_*.c)
add_custom_target(bench)
foreach(source IN LISTS ACN_BENCHES)
    get_filename_component(name ${source} NAME_WE)
    get_filename_component(folder ${source} DIRECTORY)
    file(GLOB parts CONFIGURE_DEPENDS ${folder}/*.c)
    list(FILTER parts EXCLUDE REGEX "/bench_[^/]*$")
    add_executable(${name} EXCLUDE_FROM_ALL ${source} ${parts} $<TARGET_OBJECTS:acn_core>
        $<TARGET_OBJECTS:acn_generated> ${ACN_KERNEL_OBJECTS})
    target_include_directories(${name} PRIVATE src bench ${ACN_TOOLKIT}/include)
    # The peer is a plain loop, as good as the compiler makes it for this machine.
    target_compile_options(${name} PRIVATE -O3 -march=native -fno-math-errno -fno-trapping-math)
    target_link_libraries(${name} PRIVATE Threads::Threads m ${CMAKE_DL_LIBS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    add_custom_target(run_${name} COMMAND ${name} DEPENDS ${name} USES_TERMINAL VERBATIM)
    add_dependencies(bench run_${name})
endforeach()
