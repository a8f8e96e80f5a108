/* option_list.h - a program's map of options as the core takes it. */
#ifndef ACN_DOORS_GE_OPTION_LIST_H
#define ACN_DOORS_GE_OPTION_LIST_H

#include "doors/ge/core.h"
#include "graph/ascend_string.h"

#include <map>
#include <vector>

namespace ge {

using OptionMap = std::map<AscendString, AscendString>;

/* Points into |options|. */
inline std::vector<acn_ge_option> OptionList(const OptionMap &options) {
    std::vector<acn_ge_option> list;
    for (const auto &option : options)
        list.push_back({option.first.GetString(), option.second.GetString()});
    return list;
}

} // namespace ge

#endif
