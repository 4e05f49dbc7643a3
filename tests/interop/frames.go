package interop

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
)

// Frame is a JSON frame between client and relay whose fields have been checked: text, int64, []byte (content), or Frame.
type Frame map[string]any

// Type is the frame's type; UNKNOWN for one that this version does not know.
func (f Frame) Type() string { return f.text("type") }

func (f Frame) text(name string) string { value, _ := f[name].(string); return value }
func (f Frame) int(name string) int64   { value, _ := f[name].(int64); return value }
func (f Frame) bytes(name string) []byte {
	if content, ok := f[name].([]byte); ok {
		return content
	}
	bytes, _ := hex.DecodeString(f.text(name))
	return bytes
}

// check reads one field: the value as it is kept, and whether it is as it must be.
type check func(value any) (any, bool)

type field struct {
	name     string
	check    check
	optional bool
}

const maxInteger = 1<<53 - 1

func hexOf(length int) check {
	return func(value any) (any, bool) {
		text, _ := value.(string)
		_, ok := unhex(text, length)
		return text, ok
	}
}

func hexUpTo(length int) check {
	return func(value any) (any, bool) {
		text, isText := value.(string)
		bytes, err := hex.DecodeString(text)
		return text, isText && err == nil && len(bytes) <= length && hex.EncodeToString(bytes) == text
	}
}

func address(value any) (any, bool) {
	text, _ := value.(string)
	_, err := ParseAddress(text)
	return text, err == nil
}

func textOf(least, most int) check {
	return func(value any) (any, bool) {
		text, ok := value.(string)
		return text, ok && len(text) >= least && len(text) <= most
	}
}

func integer(least, most int64) check {
	return func(value any) (any, bool) {
		number, ok := value.(float64)
		return int64(number), ok && number == math.Trunc(number) && number >= float64(least) && number <= float64(most)
	}
}

func oneOf(allowed ...string) check {
	return func(value any) (any, bool) {
		text, _ := value.(string)
		return text, slices.Contains(allowed, text)
	}
}

func exactly(wanted int64) check {
	return func(value any) (any, bool) { return wanted, value == float64(wanted) }
}

func base64url(value any) (any, bool) {
	text, ok := value.(string)
	content, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return content, ok && err == nil && base64.RawURLEncoding.EncodeToString(content) == text
}

func limits(value any) (any, bool) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	return read(fields, []field{{"maxMessage", integer(0, maxInteger), false}, {"messagesPerSecond", integer(0, maxInteger), false}, {"bytesPerSecond", integer(0, maxInteger), false}})
}

var (
	messageFields = []field{{"to", address, false}, {"from", address, true}, {"content", base64url, false}}
	pingFields    = []field{{"id", integer(0, maxInteger), false}}
	errorFields   = []field{{"code", integer(0, 4999), false}, {"reason", textOf(0, 4*1024), false}}
	clientFrames  = map[string][]field{
		"CHALLENGE_RESPONSE": {{"publicKey", hexOf(32), false}, {"signingKey", hexOf(32), false}, {"host", textOf(1, 255), false}, {"clientNonce", hexOf(32), false},
			{"signedNonce", hexOf(64), false}, {"encoding", oneOf("binary", "json"), false}, {"lastTerm", integer(0, 1<<48), false}, {"token", textOf(0, 1024), true}},
		"MESSAGE": messageFields, "PING": pingFields, "PONG": pingFields,
	}
	relayFrames = map[string][]field{
		"CHALLENGE": {{"version", exactly(1), false}, {"nonce", hexOf(32), false}, {"serverKey", hexOf(32), false}},
		"REGISTER_SUCCESS": {{"publicKey", hexOf(32), false}, {"signature", hexOf(64), false}, {"term", integer(1, 1<<48), false},
			{"limits", limits, false}, {"keepalive", integer(0, maxInteger), false}},
		"REGISTER_FAILURE": errorFields, "ERROR": errorFields,
		"MESSAGE": {{"to", address, false}, {"from", address, false}, {"content", base64url, false}}, "PING": pingFields, "PONG": pingFields,
		"UNDELIVERABLE": {{"to", hexOf(32), false}, {"head", hexUpTo(25), false}, {"code", oneOf("offline", "congested", "message-too-large", "forbidden"), false}},
		"BACKLOG":       {{"to", hexOf(32), false}},
		"PEER_GONE":     {{"publicKey", hexOf(32), false}},
		"RESTARTING":    {{"reconnectIn", integer(0, 1<<31), false}, {"spread", integer(0, 1<<31), false}},
	}
)

func read(fields map[string]any, wanted []field) (Frame, bool) {
	frame := Frame{}
	for _, field := range wanted {
		value, present := fields[field.name]
		if !present && field.optional {
			continue
		}
		kept, ok := field.check(value)
		if !ok {
			return Frame{"field": field.name}, false
		}
		frame[field.name] = kept
	}
	return frame, true
}

func decode(text string, known map[string][]field) (Frame, *Failure) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil || fields == nil {
		return nil, fail("bad-frame", "not a JSON object")
	}
	name, _ := fields["type"].(string)
	wanted, ok := known[name]
	if !ok {
		return Frame{"type": "UNKNOWN"}, nil
	}
	frame, ok := read(fields, wanted)
	if !ok {
		return nil, fail("bad-frame", "%s: field %s is missing or malformed", name, frame["field"])
	}
	frame["type"] = name
	return frame, nil
}

// DecodeRelayFrame reads a text frame from a relay.
func DecodeRelayFrame(text string) (Frame, *Failure) { return decode(text, relayFrames) }

// DecodeClientFrame reads a text frame from a client; an unknown type is a failure there.
func DecodeClientFrame(text string) (Frame, *Failure) {
	frame, failure := decode(text, clientFrames)
	if failure == nil && frame.Type() == "UNKNOWN" {
		return nil, fail("bad-frame", "unknown type")
	}
	return frame, failure
}

// Encode writes a frame as JSON.
func (f Frame) Encode() string {
	written := map[string]any{}
	for name, value := range f {
		if content, ok := value.([]byte); ok {
			value = base64.RawURLEncoding.EncodeToString(content)
		}
		written[name] = value
	}
	text, err := json.Marshal(written)
	if err != nil {
		panic(err) // text, numbers and maps only
	}
	return string(text)
}

// EncodeMessage is a binary MESSAGE.
func EncodeMessage(key Key, content []byte) []byte {
	return append(append([]byte{1}, key[:]...), content...)
}

// DecodeMessage takes a binary MESSAGE apart.
func DecodeMessage(message []byte) (key Key, content []byte, failure *Failure) {
	if len(message) < 33 || message[0] != 1 {
		return key, nil, fail("bad-frame", "not a binary MESSAGE")
	}
	return Key(message[1:33]), message[33:], nil
}
