/* test_json_portable.c: all of test_json.c, for the code without SSE2. */
#define JSON_PORTABLE

/* Other names than those of the usual json.o, which is linked as well. */
#define json_skip_plain portable_json_skip_plain
#define json_skip_string portable_json_skip_string
#define json_skip_scalar portable_json_skip_scalar
#define json_skip_value portable_json_skip_value
#define json_read_hex4 portable_json_read_hex4
#define json_escapes portable_json_escapes
#define json_decodes_to portable_json_decodes_to
#define json_validate portable_json_validate
#define json_pick portable_json_pick
#define json_slice portable_json_slice
#define json_next_token portable_json_next_token
#define json_type_of portable_json_type_of
#define json_decode_string portable_json_decode_string
#define json_to_u64 portable_json_to_u64

/* NOLINTBEGIN(bugprone-suspicious-include): built a second time, that is it */
#include "codec/json.c"
#include "codec/json_slice.c"
#include "codec/json_value.c"
#include "test_json.c"
/* NOLINTEND(bugprone-suspicious-include) */
