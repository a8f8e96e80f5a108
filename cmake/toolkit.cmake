# The tree that users get, beside what doors.cmake puts into include/ and lib64/: CANN's shape,
# regular files only (wheels hold no links), and nothing in it knows where it lies.
set(ACN_CANN_VERSION 9.1.0) # the release whose interface this is; env.def has the same default

# Programs: they do not link the core, so that they start in no time and where it does not load.
file(GLOB ACN_TOOL_SOURCES CONFIGURE_DEPENDS
    src/tools/*.c src/tools/doctor/*.c src/tools/selftest/*.c)
file(GLOB ACN_SMI_SOURCES CONFIGURE_DEPENDS src/tools/npu_smi/*.c)
add_executable(anycann ${ACN_TOOL_SOURCES})
add_executable(npu-smi ${ACN_SMI_SOURCES} src/tools/table.c src/tools/toolkit.c)
file(GLOB ACN_ATC_SOURCES CONFIGURE_DEPENDS src/tools/atc/*.c)
add_executable(atc ${ACN_ATC_SOURCES} src/tools/table.c src/tools/toolkit.c)
target_include_directories(anycann PRIVATE ${ACN_TOOLKIT}/include)
target_link_libraries(anycann PRIVATE m)
add_dependencies(anycann acn_headers)
foreach(program IN ITEMS anycann npu-smi atc)
    target_sources(${program} PRIVATE src/base/env.c src/base/report.c)
    target_include_directories(${program} PRIVATE src)
    target_compile_definitions(${program} PRIVATE
        ACN_VERSION="${PROJECT_VERSION}" ACN_CANN_VERSION="${ACN_CANN_VERSION}")
    target_link_libraries(${program} PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${ACN_TOOLKIT}/bin")
endforeach()

# hccl_test: one program for each collective, in the place and with the names that CANN's have. They
# are clients like any other and find the libraries beside them.
file(GLOB ACN_HCCL_TEST_SOURCES CONFIGURE_DEPENDS src/tools/hccl_test/*.c)
list(FILTER ACN_HCCL_TEST_SOURCES EXCLUDE REGEX "/main.c$")
add_library(acn_hccl_test OBJECT ${ACN_HCCL_TEST_SOURCES})
target_include_directories(acn_hccl_test PUBLIC src ${ACN_TOOLKIT}/include)
target_compile_definitions(acn_hccl_test PUBLIC _GNU_SOURCE)
add_dependencies(acn_hccl_test acn_headers)
foreach(collective IN ITEMS all_gather all_gatherv all_reduce alltoall alltoallv alltoallvc broadcast
                            reduce reduce_scatter reduce_scatterv scatter)
    add_executable(${collective}_test src/tools/hccl_test/main.c $<TARGET_OBJECTS:acn_hccl_test>)
    target_compile_definitions(${collective}_test PRIVATE HCCL_TEST_NAME="${collective}")
    target_link_libraries(${collective}_test PRIVATE acn_hccl_test door_hccl door_ascendcl)
    target_link_options(${collective}_test PRIVATE -Wl,--enable-new-dtags)
    set_target_properties(${collective}_test PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${ACN_TOOLKIT}/tools/hccl_test/bin"
        BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../../../lib64"
        LINK_DEPENDS_NO_SHARED ON)
endforeach()

# Asked of the operators themselves; builds with sanitizers are for tests only.
set(ACN_OPERATORS_PAGE ${ACN_TOOLKIT}/share/doc/anycann/operators.md)
add_custom_command(OUTPUT ${ACN_OPERATORS_PAGE}
    COMMAND anycann ops --markdown > ${ACN_OPERATORS_PAGE}
    DEPENDS anycann acn_shared
    COMMENT "Page of operators" VERBATIM)
if(NOT ACN_SANITIZE)
    add_custom_target(acn_operators_page ALL DEPENDS ${ACN_OPERATORS_PAGE})
endif()

configure_file(packaging/toolkit/set_env.sh "${ACN_TOOLKIT}/set_env.sh" COPYONLY)
configure_file(packaging/toolkit/completion.bash
    "${ACN_TOOLKIT}/share/bash-completion/completions/anycann" COPYONLY)
foreach(module IN ITEMS anycann_autoload anycann_probe anycann_selftest)
    configure_file(python/${module}.py "${ACN_TOOLKIT}/python/site-packages/${module}.py" COPYONLY)
endforeach()
# pyACL: what it calls is a table from api/.
set(ACN_PYACL "${ACN_TOOLKIT}/python/site-packages/acl")
foreach(module IN ITEMS __init__ binding util)
    configure_file(python/acl/${module}.py "${ACN_PYACL}/${module}.py" COPYONLY)
endforeach()
add_custom_command(OUTPUT "${ACN_PYACL}/functions.py"
    COMMAND ${ACN_GEN_PY} pyacl --module "${ACN_PYACL}/functions.py"
    DEPENDS ${ACN_API_FILES}
    COMMENT "Table of Python's module acl" VERBATIM)
add_custom_target(acn_pyacl ALL DEPENDS "${ACN_PYACL}/functions.py")
configure_file(LICENSE "${ACN_TOOLKIT}/LICENSE" COPYONLY)

# torch_npu takes the text after "=" of the first line with "version" in it.
set(ACN_INSTALL_INFO "${ACN_TOOLKIT}/${CMAKE_SYSTEM_PROCESSOR}-linux/ascend_toolkit_install.info")
file(CONFIGURE OUTPUT "${ACN_INSTALL_INFO}" CONTENT
"package_name=Ascend-cann-toolkit
version=${ACN_CANN_VERSION}
arch=${CMAKE_SYSTEM_PROCESSOR}
os=linux
provider=AnyCANN ${PROJECT_VERSION}
")
# What `anycann doctor` wants to find in lib64, and what is left out on purpose.
set(ACN_LIBRARY_TABLE "library\tstate\nlibanycann.so\tshipped\nlibanycann_ge.so\tshipped\n")
file(STRINGS api/libraries.tsv ACN_LIBRARY_ROWS REGEX "\t(shipped|absent)\t")
foreach(row IN LISTS ACN_LIBRARY_ROWS)
    string(REGEX REPLACE "^([^\t]+)\t([^\t]+)\t.*" "lib\\1.so\t\\2\n" row "${row}")
    string(APPEND ACN_LIBRARY_TABLE "${row}")
endforeach()
file(CONFIGURE OUTPUT "${ACN_TOOLKIT}/share/anycann/libraries.tsv" CONTENT "${ACN_LIBRARY_TABLE}"
    @ONLY)

# Clients insist on these folders; operator packages of others go below opp/vendors.
foreach(component IN ITEMS runtime compiler toolkit tools opp opp/vendors)
    file(CONFIGURE OUTPUT "${ACN_TOOLKIT}/${component}/version.info" CONTENT
        "Version=${ACN_CANN_VERSION}\nversion_dir=${ACN_CANN_VERSION}\n")
endforeach()

install(DIRECTORY "${ACN_TOOLKIT}/" DESTINATION . USE_SOURCE_PERMISSIONS)
# `cmake --install --strip`, for packages: files of a directory are not stripped by themselves.
install(CODE "if(CMAKE_INSTALL_DO_STRIP)
    file(GLOB binaries \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib64/*.so\"
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib64/anycann/*.so\"
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/bin/*\"
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/tools/hccl_test/bin/*\")
    execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-unneeded \${binaries} COMMAND_ERROR_IS_FATAL ANY)
endif()")
