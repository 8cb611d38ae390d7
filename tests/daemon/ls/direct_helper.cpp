#include "tests/daemon/ls/direct_helper.h"

#include <string>

namespace agp::ls {
namespace asio = boost::asio;

asio::awaitable<Result<>> DirectHelper::ensure_redirect() {
  co_return Result<>();
}

asio::awaitable<Result<>> DirectHelper::remove_redirect() {
  child_.reset();
  co_return Result<>();
}

asio::awaitable<Result<>> DirectHelper::ensure_trust_bundle(std::string) {
  co_return Result<>();
}

asio::awaitable<Result<control::StartedLs>> DirectHelper::start_language_server(
    control::StartSpec spec) {
  const Words words = {binary,
                       "--enable_lsp",
                       "--extension_server_port=" + std::to_string(spec.extension_server_port),
                       "--csrf_token=" + spec.extension_csrf_token.expose(),
                       "--server_port=" + std::to_string(spec.server_port),
                       "--lsp_port=" + std::to_string(spec.lsp_port),
                       "--workspace_id=" + spec.workspace_id,
                       "--cloud_code_endpoint=https://daily-cloudcode-pa.googleapis.com",
                       "--app_data_dir=antigravity-own"};
  Child::Options options;
  options.input = spec.stdin_fd.get();
  child_ = std::make_unique<Child>(words, environment, options);
  co_return control::StartedLs{"own", "own", true};  // one token for both directions, as in E1
}

asio::awaitable<Result<>> DirectHelper::stop_language_server(std::string) {
  child_.reset();
  co_return Result<>();
}

asio::awaitable<Result<control::HelperStatus>> DirectHelper::status() {
  control::HelperStatus status;
  status.binaries = {{0, binary}};
  co_return status;
}

}  // namespace agp::ls
