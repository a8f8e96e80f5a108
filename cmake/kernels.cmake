# Files of src/ops/kernels that are compiled once per ISA level. dispatch.c is compiled once, with
# the core, and chooses by CPUID.
file(GLOB ACN_KERNEL_SOURCES CONFIGURE_DEPENDS src/ops/kernels/*.c)
list(FILTER ACN_KERNEL_SOURCES EXCLUDE REGEX "dispatch\\.c$")

set(ACN_ISA_LEVELS generic)
set(ACN_ISA_FLAGS_generic "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND ACN_ISA_LEVELS avx2 avx512)
    set(ACN_ISA_FLAGS_avx2 -march=x86-64-v3)
    set(ACN_ISA_FLAGS_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
endif()

# Checks in fully unrolled loops take the compiler minutes a file.
set(ACN_KERNEL_LEVEL -O3)
if(ACN_SANITIZE)
    set(ACN_KERNEL_LEVEL -O1)
endif()

set(ACN_KERNEL_OBJECTS "")
foreach(isa IN LISTS ACN_ISA_LEVELS)
    add_library(acn_kernels_${isa} OBJECT ${ACN_KERNEL_SOURCES})
    target_include_directories(acn_kernels_${isa} PRIVATE src)
    target_compile_definitions(acn_kernels_${isa}
        PRIVATE ACN_ISA=${isa} ACN_ISA_NAME="${isa}" ACN_ISA_${isa}=1)
    target_compile_options(acn_kernels_${isa} PRIVATE
        ${ACN_KERNEL_LEVEL} -fno-math-errno -fno-trapping-math -ffp-contract=fast ${ACN_ISA_FLAGS_${isa}})
    list(APPEND ACN_KERNEL_OBJECTS $<TARGET_OBJECTS:acn_kernels_${isa}>)
endforeach()
