
/** Fills a configuration with "not set" everywhere, as communicator creation expects it. */
static inline void HcclCommConfigInit(HcclCommConfig *config)
{
    const uint32_t magic = HCCL_COMM_CONFIG_MAGIC_WORD;
    const uint32_t version = HCCL_COMM_CONFIG_VERSION;
    const size_t size = sizeof(*config);
    memset(config, 0, size);
    memcpy(config->reserved, &size, sizeof(size));
    memcpy(config->reserved + 8, &magic, sizeof(magic));
    memcpy(config->reserved + 12, &version, sizeof(version));
    config->hcclBufferSize = HCCL_COMM_BUFFSIZE_CONFIG_NOT_SET;
    config->hcclDeterministic = HCCL_COMM_DETERMINISTIC_CONFIG_NOT_SET;
    config->hcclOpExpansionMode = HCCL_COMM_DEFAULT_OP_EXPANSION_MODE;
    config->hcclRdmaTrafficClass = HCCL_COMM_TRAFFIC_CLASS_CONFIG_NOT_SET;
    config->hcclRdmaServiceLevel = HCCL_COMM_SERVICE_LEVEL_CONFIG_NOT_SET;
    config->hcclExecTimeOut = HCCL_COMM_EXECTIMEOUT_CONFIG_NOT_SET;
    config->hcclSymWinMaxMemSizePerRank = 16;
}
