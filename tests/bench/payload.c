/* payload.c: what two browsers really say to each other, numbered. */
#include "payload.h"

#include <string.h>

#define CANDIDATES_PER_SDP 10
#define PLACE "##########"

static const char candidate[] =
	"{\"candidate\":\"candidate:" PLACE " 1 udp 2122260223 192.168.178.43 "
	"61665 typ host generation 0 ufrag Xa3b network-id 1 network-cost 10\","
	"\"sdpMid\":\"0\",\"sdpMLineIndex\":0,\"usernameFragment\":\"Xa3b\"}";

static const char sdp[] =
	"{\"type\":\"offer\",\"sdp\":\""
	"v=0\\r\\n"
	"o=- 461173" PLACE " 2 IN IP4 127.0.0.1\\r\\n"
	"s=-\\r\\n"
	"t=0 0\\r\\n"
	"a=group:BUNDLE 0 1 2\\r\\n"
	"a=extmap-allow-mixed\\r\\n"
	"a=msid-semantic: WMS 2b1f4e60-6a0c-4c6f-9f53-1f0f2a3f9d11\\r\\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\\r\\n"
	"c=IN IP4 0.0.0.0\\r\\n"
	"a=rtcp:9 IN IP4 0.0.0.0\\r\\n"
	"a=ice-ufrag:Xa3b\\r\\n"
	"a=ice-pwd:q8o2LrG5nV1xTz7yWc4mKd9s\\r\\n"
	"a=ice-options:trickle\\r\\n"
	"a=fingerprint:sha-256 5A:0C:3E:91:D2:77:48:AF:"
	"1B:66:E0:9D:F4:23:8C:B5:07:DA:62:19:CE:80:3F:54:A8:ED:71:2"
	"D:96:4B:F8:13\\r\\n"
	"a=setup:actpass\\r\\n"
	"a=mid:0\\r\\n"
	"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\\r\\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\\r\\n"
	"a=sendrecv\\r\\n"
	"a=msid:2b1f4e60-6a0c-4c6f-9f53-1f0f2a3f9d11 audio\\r\\n"
	"a=rtcp-mux\\r\\n"
	"a=rtcp-rsize\\r\\n"
	"a=rtpmap:111 opus/48000/2\\r\\n"
	"a=rtcp-fb:111 transport-cc\\r\\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\\r\\n"
	"a=rtpmap:63 red/48000/2\\r\\n"
	"a=fmtp:63 111/111\\r\\n"
	"a=rtpmap:9 G722/8000\\r\\n"
	"a=rtpmap:0 PCMU/8000\\r\\n"
	"a=rtpmap:8 PCMA/8000\\r\\n"
	"a=rtpmap:13 CN/8000\\r\\n"
	"a=rtpmap:110 telephone-event/48000\\r\\n"
	"a=rtpmap:126 telephone-event/8000\\r\\n"
	"a=ssrc:2893047155 cname:V2mJx0ZrQ4hTn8Le\\r\\n"
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99\\r\\n"
	"c=IN IP4 0.0.0.0\\r\\n"
	"a=rtcp:9 IN IP4 0.0.0.0\\r\\n"
	"a=ice-ufrag:Xa3b\\r\\n"
	"a=ice-pwd:q8o2LrG5nV1xTz7yWc4mKd9s\\r\\n"
	"a=ice-options:trickle\\r\\n"
	"a=fingerprint:sha-256 5A:0C:3E:91:D2:77:48:AF:"
	"1B:66:E0:9D:F4:23:8C:B5:07:DA:62:19:CE:80:3F:54:A8:ED:71:2"
	"D:96:4B:F8:13\\r\\n"
	"a=setup:actpass\\r\\n"
	"a=mid:1\\r\\n"
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\\r\\n"
	"a=extmap:13 urn:3gpp:video-orientation\\r\\n"
	"a=sendrecv\\r\\n"
	"a=msid:2b1f4e60-6a0c-4c6f-9f53-1f0f2a3f9d11 video\\r\\n"
	"a=rtcp-mux\\r\\n"
	"a=rtcp-rsize\\r\\n"
	"a=rtpmap:96 VP8/90000\\r\\n"
	"a=rtcp-fb:96 goog-remb\\r\\n"
	"a=rtcp-fb:96 transport-cc\\r\\n"
	"a=rtcp-fb:96 ccm fir\\r\\n"
	"a=rtcp-fb:96 nack\\r\\n"
	"a=rtcp-fb:96 nack pli\\r\\n"
	"a=rtpmap:97 rtx/90000\\r\\n"
	"a=fmtp:97 apt=96\\r\\n"
	"a=rtpmap:102 H264/90000\\r\\n"
	"a=rtcp-fb:102 goog-remb\\r\\n"
	"a=rtcp-fb:102 transport-cc\\r\\n"
	"a=rtcp-fb:102 ccm fir\\r\\n"
	"a=rtcp-fb:102 nack\\r\\n"
	"a=rtcp-fb:102 nack pli\\r\\n"
	"a=fmtp:102 level-asymmetry-allowed=1;packetiza"
	"tion-mode=1;profile-level-id=42001f\\r\\n"
	"a=rtpmap:103 rtx/90000\\r\\n"
	"a=fmtp:103 apt=102\\r\\n"
	"a=ssrc-group:FID 1374650927 3160825149\\r\\n"
	"a=ssrc:1374650927 cname:V2mJx0ZrQ4hTn8Le\\r\\n"
	"a=ssrc:3160825149 cname:V2mJx0ZrQ4hTn8Le\\r\\n"
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\\r\\n"
	"c=IN IP4 0.0.0.0\\r\\n"
	"a=ice-ufrag:Xa3b\\r\\n"
	"a=ice-pwd:q8o2LrG5nV1xTz7yWc4mKd9s\\r\\n"
	"a=setup:actpass\\r\\n"
	"a=mid:2\\r\\n"
	"a=sctp-port:5000\\r\\n"
	"a=max-message-size:262144\\r\\n"
	"\"}";

static struct payload payloads[PAYLOAD_KINDS] = {
	[PAYLOAD_CANDIDATE] = {candidate, sizeof(candidate) - 1, 0},
	[PAYLOAD_SDP] = {sdp, sizeof(sdp) - 1, 0},
};

void payload_init(void)
{
	for (int i = 0; i < PAYLOAD_KINDS; i++) {
		const char *place = strstr(payloads[i].text, PLACE);

		payloads[i].digits_at = (size_t)(place - payloads[i].text);
	}
}

const struct payload *payload_of(enum payload_kind kind)
{
	return &payloads[kind];
}

enum payload_kind payload_kind_of(uint64_t number)
{
	return number % (CANDIDATES_PER_SDP + 1) ? PAYLOAD_CANDIDATE
						 : PAYLOAD_SDP;
}

void payload_put_digits(char *to, uint64_t number)
{
	for (int i = PAYLOAD_DIGITS - 1; i >= 0; i--) {
		to[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

int payload_is(const struct payload *payload, const char *text, uint64_t number)
{
	char digits[PAYLOAD_DIGITS];
	size_t after = payload->digits_at + PAYLOAD_DIGITS;

	payload_put_digits(digits, number);
	return memcmp(text, payload->text, payload->digits_at) == 0 &&
	       memcmp(text + payload->digits_at, digits, sizeof(digits)) == 0 &&
	       memcmp(text + after, payload->text + after,
		      payload->len - after) == 0;
}
