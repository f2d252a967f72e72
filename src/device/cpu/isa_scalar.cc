// The scalar ISA: eight lanes as plain loops, for machines without an int8 dot
// product and as the yardstick of the others.
#include "device/cpu/int8_tile-inl.h"
#include "tensor/quantize.h"

namespace ondol::device::cpu {
namespace {

struct Scalar {
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 2;
  static constexpr int kTileGroups = 1;
  static constexpr bool kManyStreams = false;
  static constexpr SignedCodes kSigned = SignedCodes::kAsTheyAre;
  struct Bytes {
    std::uint8_t v[32];
  };
  struct Ints {
    std::int32_t v[8];
  };
  struct Floats {
    float v[8];
  };

  ONDOL_INLINE static Bytes load(const std::uint8_t* at) {
    Bytes r;
    __builtin_memcpy(r.v, at, sizeof(r.v));
    return r;
  }
  ONDOL_INLINE static void store(std::uint8_t* at, Bytes v) {
    __builtin_memcpy(at, v.v, sizeof(v.v));
  }
  template <int kShift, unsigned kMask>
  ONDOL_INLINE static Bytes field(Bytes v) {
    constexpr unsigned kRight = kShift > 0 ? kShift : 0;
    constexpr unsigned kLeft = kShift < 0 ? -kShift : 0;
    for (std::uint8_t& byte : v.v) {
      byte = static_cast<std::uint8_t>(((static_cast<unsigned>(byte) >> kRight) << kLeft) & kMask);
    }
    return v;
  }
  ONDOL_INLINE static Bytes either(Bytes a, Bytes b) {
    for (int i = 0; i < 32; ++i) a.v[i] = static_cast<std::uint8_t>(a.v[i] | b.v[i]);
    return a;
  }
  ONDOL_INLINE static Bytes lookup(const std::int8_t* table, Bytes index) {
    for (std::uint8_t& byte : index.v) byte = static_cast<std::uint8_t>(table[byte & 15U]);
    return index;
  }
  ONDOL_INLINE static Bytes quad(const std::uint8_t* at) {
    Bytes r;
    for (int lane = 0; lane < kLanes; ++lane) __builtin_memcpy(r.v + 4 * lane, at, 4);
    return r;
  }

  using Centre = std::int32_t;
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* halves) {
    std::int16_t pair[2];
    __builtin_memcpy(pair, halves, sizeof(pair));
    return -kBias * (pair[0] + pair[1]);
  }
  template <int kBias>
  ONDOL_INLINE static Centre centre(const std::uint8_t* a, const std::uint8_t* b) {
    return centre<kBias>(a) + centre<kBias>(b);
  }

  template <class Code>
  struct Partial {
    Ints dots;

    ONDOL_INLINE void start(Bytes w, Bytes a) { start_at(0, w, a); }
    ONDOL_INLINE void start_at(Centre centre, Bytes w, Bytes a) {
      for (std::int32_t& lane : dots.v) lane = centre;
      add(w, a);
    }
    ONDOL_INLINE void add(Bytes w, Bytes a) {
      for (int i = 0; i < 32; ++i) {
        const int code = Code::is_signed ? static_cast<std::int8_t>(w.v[i]) : w.v[i];
        dots.v[i / 4] += code * static_cast<std::int8_t>(a.v[i]);
      }
    }
    ONDOL_INLINE Ints total() const { return dots; }
  };

  template <class Convert>
  ONDOL_INLINE static Floats make(Convert convert) {
    Floats r;
    for (int i = 0; i < kLanes; ++i) r.v[i] = convert(i);
    return r;
  }
  ONDOL_INLINE static Floats f16(const std::uint8_t* at) {
    return make([at](int i) {
      std::uint16_t bits;
      __builtin_memcpy(&bits, at + 2 * i, sizeof(bits));
      return f16_to_f32(bits);
    });
  }
  ONDOL_INLINE static Floats u8(const std::uint8_t* at) {
    return make([at](int i) { return static_cast<float>(at[i]); });
  }
  ONDOL_INLINE static Floats i8(const std::uint8_t* at) {
    return make([at](int i) { return static_cast<float>(static_cast<std::int8_t>(at[i])); });
  }
  ONDOL_INLINE static Floats e8m0(const std::uint8_t* at) {
    // 2^(e - 128); exponents 0 and 1 are subnormal floats.
    return make([at](int i) {
      const std::uint32_t e = at[i];
      const std::uint32_t bits = e < 2 ? 0x00200000U << e : (e - 1) << 23U;
      return __builtin_bit_cast(float, bits);
    });
  }
  ONDOL_INLINE static Floats set(float v) {
    return make([v](int) { return v; });
  }
  ONDOL_INLINE static Floats each(const std::uint8_t* at) {
    float v;
    __builtin_memcpy(&v, at, sizeof(v));
    return set(v);
  }
  ONDOL_INLINE static Floats to_float(Ints v) {
    return make([&v](int i) { return static_cast<float>(v.v[i]); });
  }
  ONDOL_INLINE static Floats mul(Floats a, Floats b) {
    return make([&](int i) { return a.v[i] * b.v[i]; });
  }
  ONDOL_INLINE static Floats fma(Floats a, Floats b, Floats c) {
    return make([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  ONDOL_INLINE static Floats load_floats(const float* at) {
    return make([at](int i) { return at[i]; });
  }
  ONDOL_INLINE static void store_floats(float* at, Floats v) {
    for (int i = 0; i < kLanes; ++i) at[i] = v.v[i];
  }
  ONDOL_INLINE static void prefetch(const std::uint8_t* /*at*/, std::size_t /*n_bytes*/) {}
};

constexpr Int8Kernels kKernels = make_int8_kernels<Scalar>();

}  // namespace

const Int8Kernels& int8_kernels_scalar() { return kKernels; }

}  // namespace ondol::device::cpu
