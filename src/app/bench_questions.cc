#include "app/bench_questions.h"

#include <array>

namespace ondol::app {
namespace {

constexpr std::string_view kRepeat =
    R"(Repeat the following text word for word, and add nothing to it.

The heated floor of a Korean house is laid on flat stones above a row of low flues. A fire
in the kitchen sends its smoke through them before it leaves by the chimney on the far
side of the house. The stones take hours to become warm and keep their heat through the
night, long after the fire has gone out. People sit, eat and sleep on the floor, and the
warmest place, near the kitchen, is given to the eldest and to guests.)";

constexpr std::string_view kEdit =
    R"(Rename the variable total to sum_of_prices in this Python function. Answer with the whole function and nothing else.

def average_price(items):
    total = 0
    n_items = 0
    for item in items:
        if item.price is None:
            continue
        total = total + item.price
        n_items = n_items + 1
    if n_items == 0:
        return 0
    print("total", total)
    return total / n_items
)";

constexpr std::string_view kSummarise =
    R"(Summarise the following report in three sentences.

The harbour of Mokpo was closed to fishing boats for nine days in March because of ice
that had drifted down from the north. The harbour master counted forty-one boats that
could not leave, and two that could not come in and had to wait at the island of Jindo.
The price of mackerel rose by a third in the markets of the city and fell again in the
second week of April. The ice damaged the wooden pier on the eastern side, which will be
replaced by one of concrete before the autumn. The council has asked for a boat that can
break thin ice, which would be shared by the three harbours of the province.)";

constexpr std::string_view kStory =
    "Write a short story about a lighthouse keeper who finds a letter in a bottle.";

constexpr std::array kQuestions = {BenchQuestion{"repeat", kRepeat}, BenchQuestion{"edit", kEdit},
                                   BenchQuestion{"summarise", kSummarise},
                                   BenchQuestion{"story", kStory}};

}  // namespace

std::span<const BenchQuestion> bench_questions() { return kQuestions; }

}  // namespace ondol::app
