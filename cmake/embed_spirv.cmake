# cmake -DNAMES=A;B -DFOLDER=DIR -DOUTPUT=FILE -P: DIR/A.spv, DIR/B.spv as arrays of words. Names come
# sorted.
set(arrays "")
set(rows "")
foreach(name IN LISTS NAMES)
  file(READ ${FOLDER}/${name}.spv bytes HEX)
  # A module is little-endian words.
  string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," words "${bytes}")
  string(APPEND arrays "constexpr std::uint32_t k_${name}[] = {${words}};\n")
  string(APPEND rows "    {\"${name}\", k_${name}},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"runtime-min/vulkan/shaders.h\"

namespace mlc {
namespace {

${arrays}
constexpr Shader kRows[] = {
${rows}};

}  // namespace

const std::span<const Shader> kShaders = kRows;

}  // namespace mlc
")
