#pragma once

#include "common/base/bytes.h"
#include "daemon/rewrite/fields.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace agp::rewrite {

/// One end of HTTP/2 that does what the test says.
class Http2Peer {
 public:
  enum class Role { client, server };
  struct Message {
    std::vector<Fields> heads;  // interim, final, trailers
    std::string body;
    bool ended = false;
    bool closed = false;
    std::uint32_t code = 0;
  };

  explicit Http2Peer(Role role,
                     std::vector<nghttp2_settings_entry> settings = {},
                     bool opens_windows = true) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* options = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, opens_windows ? 0 : 1);
    nghttp2_option_set_max_send_header_block_length(options, 1 << 20);
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          static_cast<Http2Peer*>(user)->got[frame->hd.stream_id].heads.emplace_back();
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t flags, void* user) {
          static_cast<Http2Peer*>(user)->got[frame->hd.stream_id].heads.back().push_back(
              {std::string(as_text({name, name_size})), std::string(as_text({value, value_size})),
               false, (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                      std::size_t size, void* user) {
          auto* self = static_cast<Http2Peer*>(user);
          self->received += size;
          if (self->keeps_bodies) {
            self->got[id].body += as_text({data, size});
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto* self = static_cast<Http2Peer*>(user);
          if (frame->hd.stream_id != 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
              frame->hd.type <= NGHTTP2_HEADERS) {
            self->got[frame->hd.stream_id].ended = true;
          }
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            self->goaway = true;
            self->goaway_code = frame->goaway.error_code;
            self->goaway_last = frame->goaway.last_stream_id;
          }
          self->pongs += frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
          auto& message = static_cast<Http2Peer*>(user)->got[id];
          message.closed = true;
          message.code = code;
          return 0;
        });
    role == Role::client ? nghttp2_session_client_new2(&session_, callbacks, this, options)
                         : nghttp2_session_server_new2(&session_, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  }
  ~Http2Peer() { nghttp2_session_del(session_); }
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  /// @return false when the octets end the session.
  bool feed(Bytes in) {
    return in.empty() || nghttp2_session_mem_recv(session_, in.data(), in.size()) >= 0;
  }
  std::string take() {
    std::string out;
    const std::uint8_t* data = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &data)) > 0;) {
      out += as_text({data, static_cast<std::size_t>(size)});
    }
    return out;
  }

  std::int32_t request(const Fields& fields, bool has_body = false) {
    const auto nv = pairs(fields);
    auto body = provider();
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(),
                                                   has_body ? &body : nullptr, nullptr);
    return id;
  }
  void interim(std::int32_t id, const Fields& fields) {
    const auto nv = pairs(fields);
    nghttp2_submit_headers(session_, 0, id, nullptr, nv.data(), nv.size(), nullptr);
  }
  void respond(std::int32_t id, const Fields& fields, bool has_body = false) {
    const auto nv = pairs(fields);
    auto body = provider();
    nghttp2_submit_response(session_, id, nv.data(), nv.size(), has_body ? &body : nullptr);
  }
  void send(std::int32_t id, std::string_view data, bool ends, Fields trailers = {}) {
    auto& out = outgoing_[id];
    out.data.erase(0, out.taken);
    out.taken = 0;
    out.data += data;
    out.ended = ends;
    out.trailers = std::move(trailers);
    nghttp2_session_resume_data(session_, id);
  }
  void reset(std::int32_t id, std::uint32_t code) {
    nghttp2_submit_rst_stream(session_, 0, id, code);
  }
  [[nodiscard]] std::size_t unsent(std::int32_t id) {
    return outgoing_[id].data.size() - outgoing_[id].taken;
  }
  [[nodiscard]] nghttp2_session* session() { return session_; }

  std::map<std::int32_t, Message> got;
  std::size_t received = 0;
  bool keeps_bodies = true;
  bool goaway = false;
  std::uint32_t goaway_code = 0;
  std::int32_t goaway_last = 0;
  int pongs = 0;

 private:
  struct Outgoing {
    std::string data;
    std::size_t taken = 0;
    bool ended = false;
    Fields trailers;
  };

  static std::vector<nghttp2_nv> pairs(const Fields& fields) {
    std::vector<nghttp2_nv> nv;
    for (const Field& f : fields) {
      nv.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(f.name.data())),
                    reinterpret_cast<std::uint8_t*>(const_cast<char*>(f.value.data())),
                    f.name.size(), f.value.size(),
                    static_cast<std::uint8_t>(f.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : 0)});
    }
    return nv;
  }
  static ssize_t read(nghttp2_session* session,
                      std::int32_t id,
                      std::uint8_t* into,
                      std::size_t size,
                      std::uint32_t* flags,
                      nghttp2_data_source*,
                      void* user) {
    auto& out = static_cast<Http2Peer*>(user)->outgoing_[id];
    const std::size_t n = std::min(size, out.data.size() - out.taken);
    std::copy_n(out.data.begin() + static_cast<std::ptrdiff_t>(out.taken), n, into);
    out.taken += n;
    if (out.taken == out.data.size() && out.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!out.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto nv = pairs(out.trailers);
        nghttp2_submit_trailer(session, id, nv.data(), nv.size());
      }
    } else if (n == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(n);
  }
  static nghttp2_data_provider provider() {
    nghttp2_data_provider result{};
    result.read_callback = &read;
    return result;
  }

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Outgoing> outgoing_;
};

}  // namespace agp::rewrite
