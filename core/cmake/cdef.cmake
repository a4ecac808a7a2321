# cmake -P: public headers -> cdef.lua (what LuaJIT declares) and abi_hash.c (what libavcl says
# it was built from). Wants CC, INPUT, INCLUDE, LUA, SOURCE.
cmake_policy(VERSION 3.25)
execute_process(COMMAND ${CC} -E -P -DAVCL_CDEF -DAVCL_EXPORT= -I${INCLUDE} -I${INCLUDE}/../src ${INPUT}
  OUTPUT_VARIABLE text RESULT_VARIABLE status)
if(status)
  message(FATAL_ERROR "cannot preprocess ${INPUT}")
endif()
string(SHA256 digest "${text}")
# A `[==[` string drops the newline after the bracket, so the text is hashed without it.
file(CONFIGURE OUTPUT ${LUA} CONTENT
  "-- Generated from core/include/avcl by the build.\nreturn { hash = '${digest}', text = [==[\n@text@]==] }\n"
  @ONLY)
file(CONFIGURE OUTPUT ${SOURCE} CONTENT
"/* abi_hash.c - generated: which public headers this libavcl was built from. */
__attribute__((visibility(\"default\"))) const char *avcl_abi_hash(void);

const char *avcl_abi_hash(void)
{
    return \"${digest}\";
}
" @ONLY)
