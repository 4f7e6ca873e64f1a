// Error.
#include "engine/error.h"

namespace sg {

void fail_with(fmt::string_view format, fmt::format_args arguments) { throw Error(fmt::vformat(format, arguments)); }

}  // namespace sg
