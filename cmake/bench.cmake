# Benchmarks: one program for each bench/*/bench_*.c, with its folder's other files; `bench` builds
# and runs them all, then the Python ones. Figures are ratios of medians within one run; nothing here is a test.
file(GLOB ACN_BENCHES CONFIGURE_DEPENDS bench/*/bench_*.c)
# Open MPI is a peer: what is measured against it is left out where it is not installed.
find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
    list(FILTER ACN_BENCHES EXCLUDE REGEX "/bench/mpi/")
endif()
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
    set(launcher "")
    if(folder MATCHES "/bench/mpi$")
        target_link_libraries(${name} PRIVATE MPI::MPI_C)
        set(launcher ${MPIEXEC_EXECUTABLE} -n 2 --bind-to none)
    endif()
    add_custom_target(run_${name} COMMAND ${launcher} $<TARGET_FILE:${name}> DEPENDS ${name}
        USES_TERMINAL VERBATIM)
    add_dependencies(bench run_${name})
endforeach()
