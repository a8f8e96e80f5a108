# C tests: one program for each tests/unit/test_*.c, linked with the objects of libanycann.so, so
# that tests reach internal functions that the library does not export.
include(CTest)
find_library(ACN_CMOCKA cmocka)
if(NOT BUILD_TESTING OR NOT ACN_CMOCKA)
    message(STATUS "C tests are left out (BUILD_TESTING=${BUILD_TESTING}, cmocka: ${ACN_CMOCKA})")
    return()
endif()

set(ACN_TEST_SECONDS 120)
if(ACN_SANITIZE)
    set(ACN_TEST_SECONDS 600)
elseif(CMAKE_CROSSCOMPILING)
    set(ACN_TEST_SECONDS 2400)
    add_compile_definitions(ACN_EMULATED) # tests take fewer of many like cases
endif()

file(GLOB ACN_UNIT_TESTS CONFIGURE_DEPENDS tests/unit/test_*.c)
foreach(source IN LISTS ACN_UNIT_TESTS)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE acn_objects ${ACN_CMOCKA})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME unit.${name} COMMAND ${name})
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT ${ACN_TEST_SECONDS} LABELS unit
        ENVIRONMENT "ANYCANN_REPORT_DIR=${CMAKE_BINARY_DIR}/tests/report;ASCEND_GLOBAL_LOG_LEVEL=4")
endforeach()

# Collectives by each algorithm, where it can do them; troubles by two that wait in other orders.
if(NOT CMAKE_CROSSCOMPILING)
    foreach(pair IN ITEMS "test_hccl mesh" "test_hccl mesh_one_shot" "test_hccl ring" "test_hccl star"
                          "test_hccl H-D_R" "test_hccl NHR" "test_hccl NB" "test_hccl pairwise" "test_hccl mesh+NHR"
                          "test_hccl_troubles ring" "test_hccl_troubles star")
        separate_arguments(pair)
        list(GET pair 0 program)
        list(GET pair 1 algorithm)
        add_test(NAME unit.${program}.${algorithm} COMMAND ${program})
        get_test_property(unit.${program} ENVIRONMENT environment)
        set_tests_properties(unit.${program}.${algorithm} PROPERTIES TIMEOUT ${ACN_TEST_SECONDS}
            LABELS unit ENVIRONMENT "${environment};HCCL_ALGO=level1:${algorithm}")
    endforeach()
endif()

set(ACN_SCARCITY_TESTS test_scarcity test_scarcity_calls test_scarcity_hccl
    test_scarcity_models test_scarcity_parts)
# What scarce.h puts before the sources of memory, address space and threads.
foreach(function IN ITEMS malloc calloc realloc aligned_alloc free strdup strndup asprintf mmap
                          mprotect memfd_create pthread_create acn_slab_alloc acn_memory_alloc)
    foreach(test IN LISTS ACN_SCARCITY_TESTS)
        target_link_options(${test} PRIVATE -Wl,--wrap=${function})
    endforeach()
endforeach()

# qemu-user cannot run these: it fails in children of fork whose parent had threads, and a program
# cannot start itself a second time.
if(CMAKE_CROSSCOMPILING)
    list(TRANSFORM ACN_SCARCITY_TESTS PREPEND unit. OUTPUT_VARIABLE scarcity)
    set_tests_properties(unit.test_guard unit.test_hccl unit.test_hccl_life
        unit.test_hccl_troubles unit.test_pool
        ${scarcity} unit.test_sharing
        PROPERTIES DISABLED ON)
endif()

add_subdirectory(tests/ops) # operators against level 0 and against independent references
