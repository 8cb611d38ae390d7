#include "daemon/api/openai/sse_format.h"

#include <boost/json/serialize.hpp>

namespace agp::api::openai {

std::string named_event(std::string_view name, const boost::json::object& data) {
  std::string out = "event: ";
  out += name;
  out += '\n';
  return out + data_event(data);
}

std::string data_event(const boost::json::object& data) {
  return "data: " + boost::json::serialize(data) + "\n\n";
}

}  // namespace agp::api::openai
