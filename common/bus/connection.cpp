#include "common/bus/connection.h"

#include "common/bus/compat.h"
#include "common/bus/errors.h"
#include "common/bus/pump.h"

#include <utility>

namespace agp::bus {

struct Connection::Impl {
  Impl(boost::asio::any_io_executor e,
       std::unique_ptr<sdbus::IConnection> c,
       std::function<void(Error)> on_closed)
      : executor(e), connection(std::move(c)), pump(e, connection.get(), std::move(on_closed)) {}

  boost::asio::any_io_executor executor;
  std::unique_ptr<sdbus::IConnection> connection;
  Pump pump;
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open_system(boost::asio::any_io_executor executor,
                                                            std::function<void(Error)> on_closed) {
  try {
    auto raw = sdbus::createSystemBusConnection();
    return std::unique_ptr<Connection>(new Connection(
        std::make_unique<Impl>(std::move(executor), std::move(raw), std::move(on_closed))));
  } catch (const sdbus::Error& error) {
    return Error(Errc::disconnected, "connecting to the system bus: " + error.getMessage());
  }
}

Result<> Connection::request_name(const std::string& name) {
  try {
    impl_->connection->requestName(compat::ServiceName(name));
  } catch (const sdbus::Error& error) {
    return Error(code_of(error.getName()), "owning the bus name " + name);
  }
  impl_->pump.kick();
  return {};
}

Result<> Connection::release_name(const std::string& name) {
  try {
    impl_->connection->releaseName(compat::ServiceName(name));
  } catch (const sdbus::Error& error) {
    return Error(code_of(error.getName()), "releasing the bus name " + name);
  }
  impl_->pump.kick();
  return {};
}

sdbus::IConnection& Connection::raw() {
  return *impl_->connection;
}
const boost::asio::any_io_executor& Connection::executor() const {
  return impl_->executor;
}
void Connection::start() {
  impl_->pump.start();
}
void Connection::kick() {
  impl_->pump.kick();
}
void Connection::stop() {
  impl_->pump.stop();
}

}  // namespace agp::bus
