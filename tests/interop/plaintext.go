package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opRekey        = 3
	opRekeyed      = 4
	opClose        = 8
	fin            = 0x80

	maxFragment   = 61_440
	itemHead      = 5
	maxItems      = 16
	minWindow     = 65_536
	itemCharge    = 96
	maxReason     = 123
	minPayload    = 256
	maxPayload    = 4096
	controlLength = 25

	controlAck    = 1
	controlResume = 2
	controlPing   = 3
	controlPong   = 4
)

// Padme rounds a length up so that few bits of it show.
func Padme(n int) int {
	if n < 2 {
		return n
	}
	exponent := bits.Len(uint(n)) - 1
	significant := bits.Len(uint(exponent))
	step := 1 << max(0, exponent-significant)
	return (n + step - 1) / step * step
}

// item is what a DATA plaintext holds: a fragment, a whole message, or a rekey, rekeyed or close.
type item struct {
	opcode  byte
	final   bool
	content []byte
}

func (i item) length() int   { return itemHead + len(i.content) }
func (i item) isWhole() bool { return i.final && (i.opcode == opText || i.opcode == opBinary) }
func lengthOf(items []item) (length int) {
	for _, one := range items {
		length += one.length()
	}
	return length
}

// EncodeData is a DATA plaintext.
func EncodeData(padded bool, items ...item) []byte {
	length := lengthOf(items)
	if padded {
		length = max(32, Padme(length))
	}
	plaintext := make([]byte, 0, length)
	for _, one := range items {
		first := one.opcode
		if one.final {
			first |= fin
		}
		plaintext = binary.BigEndian.AppendUint32(append(plaintext, first), uint32(len(one.content)))
		plaintext = append(plaintext, one.content...)
	}
	return plaintext[:length]
}

// DecodeData checks all that the item at an offset of a DATA plaintext shows. next is where another begins, or 0.
func DecodeData(plaintext []byte, at int) (found item, next int, failure *Failure) {
	refuse := func(format string, args ...any) (item, int, *Failure) {
		return item{}, 0, fail("protocol-error", format, args...)
	}
	rest := plaintext[at:]
	if len(rest) < itemHead {
		return refuse("less than 5 bytes")
	}
	found.opcode, found.final = rest[0]&^fin, rest[0]&fin != 0
	switch found.opcode {
	case opContinuation, opText, opBinary:
	case opRekey, opRekeyed, opClose:
		if !found.final {
			return refuse("opcode %d without FIN", found.opcode)
		}
	default:
		return refuse("unknown opcode %d", found.opcode)
	}
	length := uint64(binary.BigEndian.Uint32(rest[1:]))
	if length > uint64(len(rest)-itemHead) || uint64(at)+length > maxFragment {
		return refuse("a length past the end, or items over %d", itemHead+maxFragment)
	}
	if length == 0 && !found.final {
		return refuse("an empty fragment without FIN")
	}
	found.content = rest[itemHead : itemHead+length]
	if at > 0 && !found.isWhole() {
		return refuse("no whole message behind a message")
	}
	rest = rest[found.length():]
	if found.isWhole() && len(rest) > 0 && rest[0] != 0 {
		return found, at + found.length(), nil
	}
	for _, b := range rest {
		if b != 0 {
			return refuse("padding that is not zero")
		}
	}
	return found, 0, nil
}

func sendableCode(code uint16) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// decodeClose reads a close's bytes; 1005 stands for an empty one.
func decodeClose(content []byte) (code uint16, reason string, failure *Failure) {
	if len(content) == 0 {
		return 1005, "", nil
	}
	if len(content) < 2 || len(content) > 2+maxReason {
		return 0, "", fail("protocol-error", "a close of %d bytes", len(content))
	}
	code = binary.BigEndian.Uint16(content)
	if !sendableCode(code) {
		return 0, "", fail("protocol-error", "close code %d", code)
	}
	if !utf8.Valid(content[2:]) {
		return 0, "", fail("invalid-text", "a close reason that is not UTF-8")
	}
	return code, string(content[2:]), nil
}

func encodeClose(code uint16, reason string) []byte {
	if code == 1005 {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// Control is a CONTROL plaintext.
type Control struct {
	Type            byte
	Next, Limit, ID uint64
}

// Encode is 25 bytes.
func (c Control) Encode() []byte {
	plaintext := binary.BigEndian.AppendUint64([]byte{c.Type}, c.Next)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(plaintext, c.Limit), c.ID)
}

// DecodeControl reads a CONTROL plaintext; what it refuses is protocol-error.
func DecodeControl(plaintext []byte) (Control, bool) {
	if len(plaintext) != controlLength {
		return Control{}, false
	}
	c := Control{plaintext[0], binary.BigEndian.Uint64(plaintext[1:]), binary.BigEndian.Uint64(plaintext[9:]), binary.BigEndian.Uint64(plaintext[17:])}
	known := c.Type >= controlAck && c.Type <= controlPong
	return c, known && max(c.Next, c.Limit, c.ID) <= maxInteger && (c.ID != 0 || c.Type == controlAck)
}

var (
	token      = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")
	resource   = regexp.MustCompile(`^/([!$-.0-;=?-~][!$-;=?-~]*)?$`)
	dotSegment = regexp.MustCompile(`^(\.|%2[eE]){1,2}$`)
)

// IsResource says whether a resource has the form of section 1: path and query that begin with one slash, without dot segments.
func IsResource(text string) bool {
	if !resource.MatchString(text) {
		return false
	}
	path, _, _ := strings.Cut(text, "?")
	for _, segment := range strings.Split(path, "/") {
		if dotSegment.MatchString(segment) {
			return false
		}
	}
	return true
}

// OpenPayload is what OPEN says.
type OpenPayload struct {
	Resource  string   `json:"resource"`
	Protocols []string `json:"protocols"`
	Limit     uint64   `json:"limit"`
}

// AcceptPayload is what ACCEPT says.
type AcceptPayload struct {
	Protocol string `json:"protocol"`
	Limit    uint64 `json:"limit"`
}

// EncodePayload is JSON followed by spaces.
func EncodePayload(payload any) ([]byte, *Failure) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(payload); err != nil {
		panic(err) // strings and numbers only
	}
	plaintext := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	length := max(minPayload, Padme(len(plaintext)))
	if length > maxPayload {
		return nil, fail("invalid-offer", "%d bytes", length)
	}
	return append(plaintext, bytes.Repeat([]byte(" "), length-len(plaintext))...), nil
}

func payloadFields(plaintext []byte) (fields map[string]any, limit uint64, ok bool) {
	if len(plaintext) < minPayload || len(plaintext) > maxPayload || !utf8.Valid(plaintext) {
		return nil, 0, false
	}
	if err := json.Unmarshal(plaintext, &fields); err != nil {
		return nil, 0, false
	}
	number, ok := fields["limit"].(float64)
	return fields, uint64(number), ok && number == math.Trunc(number) && number >= minWindow && number <= maxInteger
}

// DecodeOpenPayload reads payload1; what it refuses counts as a box that does not open.
func DecodeOpenPayload(plaintext []byte) (payload OpenPayload, ok bool) {
	fields, limit, ok := payloadFields(plaintext)
	resource, isText := fields["resource"].(string)
	protocols, isList := fields["protocols"].([]any)
	if !ok || !isText || !isList || !IsResource(resource) {
		return payload, false
	}
	seen := map[string]bool{}
	payload = OpenPayload{resource, []string{}, limit}
	for _, one := range protocols {
		name, isText := one.(string)
		if !isText || !token.MatchString(name) || seen[strings.ToLower(name)] {
			return payload, false
		}
		seen[strings.ToLower(name)] = true
		payload.Protocols = append(payload.Protocols, name)
	}
	return payload, true
}

// DecodeAcceptPayload reads payload2.
func DecodeAcceptPayload(plaintext []byte) (payload AcceptPayload, ok bool) {
	fields, limit, ok := payloadFields(plaintext)
	protocol, isText := fields["protocol"].(string)
	return AcceptPayload{protocol, limit}, ok && isText && (protocol == "" || token.MatchString(protocol))
}
