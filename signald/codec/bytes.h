/* bytes.h: numbers as they go over the network, the highest byte first. */
#ifndef SIGNALD_CODEC_BYTES_H
#define SIGNALD_CODEC_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_read_u16(const char *at)
{
	const uint8_t *b = (const uint8_t *)at;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t bytes_read_u32(const char *at)
{
	return (uint32_t)bytes_read_u16(at) << 16 | bytes_read_u16(at + 2);
}

static inline void bytes_write_u16(char *out, uint16_t value)
{
	out[0] = (char)(value >> 8);
	out[1] = (char)value;
}

static inline void bytes_write_u32(char *out, uint32_t value)
{
	bytes_write_u16(out, (uint16_t)(value >> 16));
	bytes_write_u16(out + 2, (uint16_t)value);
}

#endif
