/* device.c - choosing, resetting and synchronising devices, and their peers. */
#include "device/device.h"
#include "acl/acl.h"
#include "doors/ascendcl/args.h"
#include "runtime/context.h"
#include "runtime/named.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static acn_named_callbacks state_callbacks;

typedef struct state_change {
    int32_t device;
    aclrtDeviceState state;
} state_change;

static void tell_one(void *function, void *user, void *data) {
    const state_change *change = data;
    ((aclrtDeviceStateCallback)function)(change->device, change->state, user);
}

static void tell(int32_t device, aclrtDeviceState state) {
    acn_named_call(&state_callbacks, tell_one, &(state_change){device, state});
}

aclError aclrtRegDeviceStateCallback(const char *regName, aclrtDeviceStateCallback callback,
                                     void *args) {
    ACN_REQUIRE(regName);
    return ACN_ACL(acn_named_set(&state_callbacks, regName, (void *)callback, args));
}

aclError aclrtGetDeviceCount(uint32_t *count) {
    ACN_REQUIRE(count);
    *count = (uint32_t)acn_device_count();
    return ACL_SUCCESS;
}

aclError aclrtSetDevice(int32_t deviceId) {
    bool told = acn_named_any(&state_callbacks);
    if (told) tell(deviceId, ACL_RT_DEVICE_STATE_SET_PRE);
    acn_status status = acn_device_set(deviceId);
    if (told && status == ACN_OK) tell(deviceId, ACL_RT_DEVICE_STATE_SET_POST);
    return ACN_ACL(status);
}

static acn_status reset(int32_t device, bool force) {
    ACN_TRY(acn_device_check(device));
    tell(device, ACL_RT_DEVICE_STATE_RESET_PRE);
    ACN_TRY(acn_device_reset(device, force));
    tell(device, ACL_RT_DEVICE_STATE_RESET_POST);
    return ACN_OK;
}

aclError aclrtResetDevice(int32_t deviceId) { return ACN_ACL(reset(deviceId, false)); }
aclError aclrtResetDeviceForce(int32_t deviceId) { return ACN_ACL(reset(deviceId, true)); }

aclError aclrtGetDevice(int32_t *deviceId) {
    ACN_REQUIRE(deviceId);
    int device;
    acn_status status = acn_device_current(&device);
    if (status == ACN_OK) *deviceId = device;
    return ACN_ACL(status);
}

aclError aclrtGetRunMode(aclrtRunMode *runMode) {
    ACN_REQUIRE(runMode);
    *runMode = ACL_HOST;
    return ACL_SUCCESS;
}

aclError aclrtSetTsDevice(aclrtTsId tsId) {
    if (tsId < ACL_TS_ID_AICORE || tsId > ACL_TS_ID_AIVECTOR)
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT, "tsId is %d; expected 0 or 1", (int)tsId));
    return ACL_SUCCESS;
}

aclError aclrtSynchronizeDevice(void) { return ACN_ACL(acn_device_synchronize(-1)); }

aclError aclrtSynchronizeDeviceWithTimeout(int32_t timeout) {
    ACN_REQUIRE_TIMEOUT(timeout);
    return ACN_ACL(acn_device_synchronize(timeout));
}

/* Peers: all devices are this machine's memory, so access always works; what is opened is kept for
 * those who ask. */

static _Atomic uint64_t peers[ACN_DEVICE_MAX];

static acn_status check_pair(int32_t device, int32_t peer) {
    ACN_TRY(acn_device_check(device));
    return acn_device_check(peer);
}

aclError aclrtDeviceCanAccessPeer(int32_t *canAccessPeer, int32_t deviceId, int32_t peerDeviceId) {
    ACN_REQUIRE(canAccessPeer);
    acn_status status = check_pair(deviceId, peerDeviceId);
    if (status == ACN_OK) *canAccessPeer = deviceId != peerDeviceId;
    return ACN_ACL(status);
}

static acn_status set_peer(int32_t peer, bool open) {
    int device;
    ACN_TRY(acn_device_current(&device));
    ACN_TRY(acn_device_check(peer));
    if (device == peer)
        return acn_fail(ACN_PARAM_INVALID, "device %d is the current one; expected another", peer);
    if (open)
        atomic_fetch_or(&peers[device], 1ull << peer);
    else
        atomic_fetch_and(&peers[device], ~(1ull << peer));
    return ACN_OK;
}

aclError aclrtDeviceEnablePeerAccess(int32_t peerDeviceId, uint32_t flags) {
    if (flags != 0)
        return ACN_ACL(acn_fail(ACN_FEATURE_NOT_SUPPORTED, "flags is %u; expected 0", flags));
    return ACN_ACL(set_peer(peerDeviceId, true));
}

aclError aclrtDeviceDisablePeerAccess(int32_t peerDeviceId) {
    return ACN_ACL(set_peer(peerDeviceId, false));
}

aclError aclrtDevicePeerAccessStatus(int32_t deviceId, int32_t peerDeviceId, int32_t *status) {
    ACN_REQUIRE(status);
    acn_status checked = check_pair(deviceId, peerDeviceId);
    if (checked == ACN_OK) *status = (int32_t)(atomic_load(&peers[deviceId]) >> peerDeviceId & 1);
    return ACN_ACL(checked);
}

aclError aclrtGetDevicesTopo(uint32_t deviceId, uint32_t otherDeviceId, uint64_t *value) {
    ACN_REQUIRE(value);
    acn_status status = check_pair((int32_t)deviceId, (int32_t)otherDeviceId);
    if (status == ACN_OK) *value = ACL_RT_DEVS_TOPOLOGY_HCCS;
    return ACN_ACL(status);
}

/* Numbers: the user's index, and the machine's number, which is also the physical one. */

static acn_status to_machine(int32_t user, int32_t *machine) {
    ACN_TRY(acn_device_check(user));
    *machine = acn_device_physical(user);
    return ACN_OK;
}

static acn_status to_user(int32_t machine, int32_t *user) {
    for (int i = 0; i < acn_device_count(); i++)
        if (acn_device_physical(i) == machine) return *user = i, ACN_OK;
    return acn_fail(ACN_INVALID_DEVICE, "device %d of this machine is not visible here", machine);
}

static acn_status same(int32_t from, int32_t *to) {
    int32_t user;
    ACN_TRY(to_user(from, &user));
    *to = from;
    return ACN_OK;
}

aclError aclrtGetLogicDevIdByUserDevId(const int32_t userDevid, int32_t *const logicDevId) {
    ACN_REQUIRE(logicDevId);
    return ACN_ACL(to_machine(userDevid, logicDevId));
}

aclError aclrtGetPhyDevIdByUserDevId(const int32_t userDevId, int32_t *const phyDevId) {
    ACN_REQUIRE(phyDevId);
    return ACN_ACL(to_machine(userDevId, phyDevId));
}

aclError aclrtGetUserDevIdByLogicDevId(const int32_t logicDevId, int32_t *const userDevid) {
    ACN_REQUIRE(userDevid);
    return ACN_ACL(to_user(logicDevId, userDevid));
}

aclError aclrtGetUserDevIdByPhyDevId(const int32_t phyDevId, int32_t *const userDevId) {
    ACN_REQUIRE(userDevId);
    return ACN_ACL(to_user(phyDevId, userDevId));
}

aclError aclrtGetLogicDevIdByPhyDevId(const int32_t phyDevId, int32_t *const logicDevId) {
    ACN_REQUIRE(logicDevId);
    return ACN_ACL(same(phyDevId, logicDevId));
}

aclError aclrtGetPhyDevIdByLogicDevId(const int32_t logicDevId, int32_t *const phyDevId) {
    ACN_REQUIRE(phyDevId);
    return ACN_ACL(same(logicDevId, phyDevId));
}

aclError aclrtDeviceGetBareTgid(int32_t *pid) {
    ACN_REQUIRE(pid);
    *pid = (int32_t)getpid();
    return ACL_SUCCESS;
}

aclError aclrtQueryDeviceStatus(int32_t deviceId, aclrtDeviceStatus *deviceStatus) {
    ACN_REQUIRE(deviceStatus);
    acn_status status = acn_device_check(deviceId);
    if (status == ACN_OK) *deviceStatus = ACL_RT_DEVICE_STATUS_NORMAL;
    return ACN_ACL(status);
}

aclError aclrtDeviceL2CacheFlush(void *rsv) {
    (void)rsv; /* caches are coherent */
    return ACL_SUCCESS;
}
