/* version.c - which CANN this claims to be, and what it can do. */
#include "acl/acl.h"
#include "base/env.h"
#include "doors/ascendcl/args.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "9.1.0", "8.0.RC3", "8.5.0-beta.2": numbers and words between dots and hyphens. */
typedef struct version_parts {
    char part[4][64]; /* major, minor, release, patch; empty when there is none */
} version_parts;

static version_parts split(const char *text) {
    version_parts parts = {0};
    for (int i = 0; i < 4 && *text != '\0'; i++) {
        size_t length = strcspn(text, ".-");
        snprintf(parts.part[i], sizeof parts.part[i], "%.*s", (int)length, text);
        text += length + (text[length] != '\0');
    }
    return parts;
}

aclError aclrtGetVersion(int32_t *majorVersion, int32_t *minorVersion, int32_t *patchVersion) {
    ACN_REQUIRE(majorVersion);
    ACN_REQUIRE(minorVersion);
    ACN_REQUIRE(patchVersion);
    *majorVersion = ACL_MAJOR_VERSION;
    *minorVersion = ACL_MINOR_VERSION;
    *patchVersion = ACL_PATCH_VERSION;
    return ACL_SUCCESS;
}

aclError aclsysGetCANNVersion(aclCANNPackageName name, aclCANNPackageVersion *version) {
    ACN_REQUIRE(version);
    if (name < ACL_PKG_NAME_CANN || name > ACL_PKG_NAME_DRIVER)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                                "name is %d; expected a value of aclCANNPackageName (0 to 7)",
                                (int)name));
    const char *text = acn_env_text(ACN_ENV_CANN_VERSION);
    version_parts parts = split(text);
    memset(version, 0, sizeof *version);
    snprintf(version->version, sizeof version->version, "%s", text);
    memcpy(version->majorVersion, parts.part[0], sizeof version->majorVersion);
    memcpy(version->minorVersion, parts.part[1], sizeof version->minorVersion);
    memcpy(version->releaseVersion, parts.part[2], sizeof version->releaseVersion);
    memcpy(version->patchVersion, parts.part[3], sizeof version->patchVersion);
    return ACL_SUCCESS;
}

/* Packages are those of the release; names are not checked, since each release has new ones. */
aclError aclsysGetVersionStr(char *pkgName, char *versionStr) {
    ACN_REQUIRE(pkgName);
    ACN_REQUIRE(versionStr);
    snprintf(versionStr, ACL_PKG_VERSION_MAX_SIZE, "%s", acn_env_text(ACN_ENV_CANN_VERSION));
    return ACL_SUCCESS;
}

aclError aclsysGetVersionNum(char *pkgName, int32_t *versionNum) {
    ACN_REQUIRE(pkgName);
    ACN_REQUIRE(versionNum);
    version_parts parts = split(acn_env_text(ACN_ENV_CANN_VERSION));
    long release = strtol(parts.part[2] + strspn(parts.part[2], "RCT"), NULL, 10);
    *versionNum = (int32_t)(strtol(parts.part[0], NULL, 10) * 10000000 +
                            strtol(parts.part[1], NULL, 10) * 100000 + release * 1000);
    return ACL_SUCCESS;
}

/* In this order and with these values by index. */
static const aclCannAttr attributes[] = {ACL_CANN_ATTR_INF_NAN, ACL_CANN_ATTR_BF16,
                                         ACL_CANN_ATTR_JIT_COMPILE};
static const int32_t attribute_values[] = {1, 1, 0};

aclError aclGetCannAttribute(aclCannAttr cannAttr, int32_t *value) {
    ACN_REQUIRE(value);
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (attributes[i] == cannAttr) return *value = attribute_values[i], ACL_SUCCESS;
    return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                            "cannAttr is %d; expected a value of aclCannAttr (0 to 2)",
                            (int)cannAttr));
}

aclError aclGetCannAttributeList(const aclCannAttr **cannAttrList, size_t *num) {
    ACN_REQUIRE(cannAttrList);
    ACN_REQUIRE(num);
    *cannAttrList = attributes;
    *num = sizeof attributes / sizeof attributes[0];
    return ACL_SUCCESS;
}
