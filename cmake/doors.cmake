# The public interface from the tables in api/: headers and aclnn pairs before anything is compiled;
# then, from what the core's objects define, the libraries that carry CANN's names.
#
#   acn_core     OBJECT library of everything in C but the kernels
#   acn_objects  INTERFACE library with all objects of libanycann.so, for C programs and tests that
#                call acn_* functions (registration needs objects: never an archive)
#   acn_shared   libanycann.so
#   acn_doors    all libraries of CANN's names

set(ACN_GEN ${CMAKE_BINARY_DIR}/gen)
set(ACN_GEN_PY ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/api/gen.py)
file(GLOB_RECURSE ACN_API_FILES CONFIGURE_DEPENDS
    api/*.tsv api/*.py api/snippets/* api/cxx/*)
# The lists of headers and libraries are read at configure time.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/api/headers.tsv ${CMAKE_SOURCE_DIR}/api/aclnn.tsv
    ${CMAKE_SOURCE_DIR}/api/libraries.tsv)

# ---- headers and aclnn pairs ---------------------------------------------------------------------
execute_process(COMMAND ${ACN_GEN_PY} list-headers OUTPUT_VARIABLE ACN_HEADERS
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" ACN_HEADERS "${ACN_HEADERS}")
list(TRANSFORM ACN_HEADERS PREPEND ${ACN_TOOLKIT}/include/)
add_custom_command(OUTPUT ${ACN_HEADERS} ${ACN_GEN}/aclnn.c ${ACN_GEN}/signatures.c
    COMMAND ${ACN_GEN_PY} headers --include ${ACN_TOOLKIT}/include --aclnn ${ACN_GEN}/aclnn.c
        --signatures ${ACN_GEN}/signatures.c
    DEPENDS ${ACN_API_FILES}
    COMMENT "Headers from api/" VERBATIM)
add_custom_target(acn_headers DEPENDS ${ACN_HEADERS} ${ACN_GEN}/aclnn.c ${ACN_GEN}/signatures.c)

# ---- the core ------------------------------------------------------------------------------------
set(ACN_CORE_GLOBS "")
foreach(layer IN ITEMS base device runtime ops graph hccl doors)
    list(APPEND ACN_CORE_GLOBS src/${layer}/*.c)
endforeach()
file(GLOB_RECURSE ACN_CORE_SOURCES CONFIGURE_DEPENDS ${ACN_CORE_GLOBS})
list(FILTER ACN_CORE_SOURCES EXCLUDE REGEX "/src/ops/kernels/")
list(FILTER ACN_CORE_SOURCES EXCLUDE REGEX "/src/doors/trace/")
file(GLOB ACN_DISPATCH CONFIGURE_DEPENDS src/ops/kernels/dispatch.c)
add_library(acn_core OBJECT ${ACN_CORE_SOURCES} ${ACN_DISPATCH} ${ACN_GEN}/aclnn.c
    ${ACN_GEN}/signatures.c)
target_include_directories(acn_core PUBLIC ${CMAKE_SOURCE_DIR}/src ${ACN_TOOLKIT}/include)
target_compile_definitions(acn_core PUBLIC _GNU_SOURCE ACN_VERSION="${PROJECT_VERSION}")
add_dependencies(acn_core acn_headers)

# ---- what of the interface is defined ------------------------------------------------------------
set(ACN_DOOR_LIBRARIES "")
file(STRINGS api/libraries.tsv ACN_LIBRARY_ROWS REGEX "\tshipped\t")
foreach(row IN LISTS ACN_LIBRARY_ROWS)
    string(REPLACE "\t" ";" cells "${row}")
    list(GET cells 0 name)
    list(GET cells 2 kind)
    list(GET cells 3 needs)
    list(APPEND ACN_DOOR_LIBRARIES ${name})
    set(ACN_DOOR_KIND_${name} ${kind})
    string(REPLACE " " ";" ACN_DOOR_NEEDS_${name} "${needs}")
    if(NOT kind STREQUAL empty)
        list(APPEND ACN_DOORS_OF_${kind} ${ACN_GEN}/doors/${name}.S)
    endif()
endforeach()

# Which rows of api/aclnn.tsv have their operator: asked of the operators themselves.
add_executable(acn_rows api/rows.c $<TARGET_OBJECTS:acn_core> ${ACN_KERNEL_OBJECTS})
target_include_directories(acn_rows PRIVATE src ${ACN_TOOLKIT}/include)
target_link_libraries(acn_rows PRIVATE Threads::Threads m ${CMAKE_DL_LIBS})
# It reads tables and calls nothing: unsupported functions are not written yet at this point.
target_link_options(acn_rows PRIVATE -Wl,--unresolved-symbols=ignore-all)
add_dependencies(acn_rows acn_headers)
add_custom_command(OUTPUT ${ACN_GEN}/rows.txt
    COMMAND acn_rows > ${ACN_GEN}/rows.txt
    DEPENDS acn_rows
    COMMENT "Rows of api/aclnn.tsv that work" VERBATIM)

file(GENERATE OUTPUT ${ACN_GEN}/core_objects.txt CONTENT "$<JOIN:$<TARGET_OBJECTS:acn_core>,\n>\n")
add_custom_command(
    OUTPUT ${ACN_GEN}/unsupported.c ${ACN_GEN}/doors.c ${ACN_GEN}/trace.c ${ACN_GEN}/done.txt
        ${ACN_DOORS_OF_c}
    COMMAND ${ACN_GEN_PY} doors --out ${ACN_GEN} --objects ${ACN_GEN}/core_objects.txt
        --rows ${ACN_GEN}/rows.txt --nm ${CMAKE_NM} --processor ${CMAKE_SYSTEM_PROCESSOR}
    DEPENDS ${ACN_API_FILES} ${ACN_GEN}/rows.txt ${ACN_GEN}/core_objects.txt
        $<TARGET_OBJECTS:acn_core>
    COMMENT "Doors from api/ and the core's objects" VERBATIM COMMAND_EXPAND_LISTS)

# The graph engine's C++: what a folder of a library's name defines is what the library exports.
file(GLOB ACN_GE_SOURCES CONFIGURE_DEPENDS src/doors/ge/*.cpp src/doors/ge/*/*.cpp)
add_library(acn_ge OBJECT ${ACN_GE_SOURCES})
target_include_directories(acn_ge PUBLIC ${CMAKE_SOURCE_DIR}/src ${ACN_TOOLKIT}/include)
add_dependencies(acn_ge acn_headers)
# What takes or gives std::string has a name for each of its two flavours.
file(GLOB ACN_GE_STRINGS CONFIGURE_DEPENDS src/doors/ge/*/*_strings.cpp)
add_library(acn_ge_old_strings OBJECT ${ACN_GE_STRINGS})
target_compile_definitions(acn_ge_old_strings PRIVATE _GLIBCXX_USE_CXX11_ABI=0)
target_include_directories(acn_ge_old_strings PRIVATE ${CMAKE_SOURCE_DIR}/src ${ACN_TOOLKIT}/include)
add_dependencies(acn_ge_old_strings acn_headers)
set(ACN_GE_OBJECTS $<TARGET_OBJECTS:acn_ge> $<TARGET_OBJECTS:acn_ge_old_strings>)
file(GENERATE OUTPUT ${ACN_GEN}/ge_objects.txt CONTENT "$<JOIN:${ACN_GE_OBJECTS},\n>\n")
add_custom_command(OUTPUT ${ACN_GEN}/ge.cpp ${ACN_GEN}/ge_done.txt ${ACN_DOORS_OF_ge}
    COMMAND ${ACN_GEN_PY} ge --out ${ACN_GEN} --objects ${ACN_GEN}/ge_objects.txt --nm ${CMAKE_NM}
        --processor ${CMAKE_SYSTEM_PROCESSOR}
    DEPENDS ${ACN_API_FILES} ${ACN_GEN}/ge_objects.txt ${ACN_GE_OBJECTS}
    COMMENT "Doors of the graph engine" VERBATIM COMMAND_EXPAND_LISTS)

# ---- libraries -----------------------------------------------------------------------------------
# Where libraries lie beside one another; regular files under their plain names.
function(acn_toolkit_library target name)
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${ACN_TOOLKIT}/lib64
        BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN" LINK_DEPENDS_NO_SHARED ON)
    target_link_options(${target} PRIVATE -Wl,--enable-new-dtags)
endfunction()

add_library(acn_generated OBJECT ${ACN_GEN}/unsupported.c ${ACN_GEN}/doors.c)
target_link_libraries(acn_generated PUBLIC acn_core)
set_source_files_properties(${ACN_GEN}/unsupported.c PROPERTIES
    COMPILE_OPTIONS -Wno-builtin-declaration-mismatch)

add_library(acn_objects INTERFACE)
target_sources(acn_objects INTERFACE
    $<TARGET_OBJECTS:acn_core> $<TARGET_OBJECTS:acn_generated> ${ACN_KERNEL_OBJECTS})
target_include_directories(acn_objects INTERFACE ${CMAKE_SOURCE_DIR}/src ${ACN_TOOLKIT}/include)
target_compile_definitions(acn_objects INTERFACE _GNU_SOURCE)
target_link_libraries(acn_objects INTERFACE Threads::Threads m ${CMAKE_DL_LIBS})

file(CONFIGURE OUTPUT ${ACN_GEN}/core.map @ONLY
    CONTENT "{ global: acn_door_*; acn_ge_*; acn_tool_*; local: *; };\n")
add_library(acn_shared SHARED)
target_link_libraries(acn_shared PRIVATE acn_objects)
target_link_options(acn_shared PRIVATE
    -Wl,-z,nodelete -Wl,-z,now -Wl,--version-script=${ACN_GEN}/core.map)
if(NOT ACN_SANITIZE)
    target_link_options(acn_shared PRIVATE -Wl,--no-undefined)
endif()
acn_toolkit_library(acn_shared anycann)
set_target_properties(acn_shared PROPERTIES LINKER_LANGUAGE C)

add_library(acn_shared_ge SHARED ${ACN_GE_OBJECTS} ${ACN_GEN}/ge.cpp src/base/wire.c)
target_include_directories(acn_shared_ge PRIVATE src)
target_link_libraries(acn_shared_ge PRIVATE acn_shared)
target_link_options(acn_shared_ge PRIVATE
    -Wl,-z,nodelete -Wl,-z,now -Wl,--version-script=${ACN_GEN}/core.map)
acn_toolkit_library(acn_shared_ge anycann_ge)

# The tracer, which the core loads when ANYCANN_TRACE is set; in a folder of its own, since clients may
# load everything that lies in lib64.
file(GLOB ACN_TRACE_SOURCES CONFIGURE_DEPENDS src/doors/trace/*.c)
add_library(acn_trace SHARED ${ACN_TRACE_SOURCES} ${ACN_GEN}/trace.c)
target_include_directories(acn_trace PRIVATE src ${ACN_TOOLKIT}/include)
target_compile_definitions(acn_trace PRIVATE _GNU_SOURCE)
target_link_libraries(acn_trace PRIVATE acn_shared Threads::Threads)
target_link_options(acn_trace PRIVATE -Wl,-z,nodelete -Wl,-z,now)
if(NOT ACN_SANITIZE)
    target_link_options(acn_trace PRIVATE -Wl,--no-undefined)
endif()
acn_toolkit_library(acn_trace anycann_trace)
set_target_properties(acn_trace PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${ACN_TOOLKIT}/lib64/anycann INSTALL_RPATH "$ORIGIN/..")

# A door has no code but its jumps: neither start files nor libc.
set(ACN_CORE_OF_c acn_shared)
set(ACN_CORE_OF_ge acn_shared_ge)
file(CONFIGURE OUTPUT ${ACN_GEN}/empty.S @ONLY
    CONTENT "    .section .note.GNU-stack,\"\",%progbits\n")
add_custom_target(acn_doors ALL)
foreach(name IN LISTS ACN_DOOR_LIBRARIES)
    set(kind ${ACN_DOOR_KIND_${name}})
    if(kind STREQUAL empty)
        add_library(door_${name} SHARED ${ACN_GEN}/empty.S)
    else()
        add_library(door_${name} SHARED ${ACN_GEN}/doors/${name}.S)
        target_link_libraries(door_${name} PRIVATE ${ACN_CORE_OF_${kind}})
    endif()
    foreach(need IN LISTS ACN_DOOR_NEEDS_${name})
        target_link_libraries(door_${name} PRIVATE door_${need})
    endforeach()
    target_link_options(door_${name} PRIVATE
        -nostdlib -Wl,--no-as-needed -Wl,--no-undefined -Wl,-z,now)
    set_target_properties(door_${name} PROPERTIES LINKER_LANGUAGE C)
    acn_toolkit_library(door_${name} ${name})
    add_dependencies(acn_doors door_${name})
endforeach()

# ---- coverage and reference ----------------------------------------------------------------------
set(ACN_COVERAGE ${ACN_TOOLKIT}/share/anycann/coverage.tsv)
set(ACN_API_PAGE ${ACN_TOOLKIT}/share/doc/anycann/api.md)
set(ACN_FUNCTIONS ${ACN_TOOLKIT}/share/anycann/functions.tsv)
add_custom_command(OUTPUT ${ACN_COVERAGE} ${ACN_FUNCTIONS} ${ACN_API_PAGE}
    COMMAND ${ACN_GEN_PY} coverage --done ${ACN_GEN}/done.txt ${ACN_GEN}/ge_done.txt --table ${ACN_COVERAGE}
        --page ${ACN_API_PAGE}
    DEPENDS ${ACN_API_FILES} ${ACN_GEN}/done.txt ${ACN_GEN}/ge_done.txt
    COMMENT "Coverage" VERBATIM)
add_custom_target(acn_coverage ALL DEPENDS ${ACN_COVERAGE} ${ACN_API_PAGE})

set(ACN_CODES ${ACN_TOOLKIT}/share/anycann/codes.tsv)
set(ACN_CODES_PAGE ${ACN_TOOLKIT}/share/doc/anycann/codes.md)
add_custom_command(OUTPUT ${ACN_CODES} ${ACN_CODES_PAGE}
    COMMAND ${ACN_GEN_PY} codes --table ${ACN_CODES} --page ${ACN_CODES_PAGE}
    DEPENDS ${ACN_API_FILES}
    COMMENT "Codes" VERBATIM)
add_custom_target(acn_codes ALL DEPENDS ${ACN_CODES} ${ACN_CODES_PAGE})
