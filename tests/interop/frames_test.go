package interop

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"
)

func TestFrames(t *testing.T) {
	type side struct {
		Valid []struct {
			Name, Text string
			Frame      json.RawMessage
		}
		Invalid []struct{ Name, Text, Failure string }
	}
	var vectors struct {
		Client, Relay side
		Messages      []struct {
			Name               string
			From, To, Content  hexBytes
			ToRelay, FromRelay struct {
				Binary hexBytes
				Json   string
			}
		}
		InvalidBinary []struct {
			Name    string
			Message hexBytes
		}
	}
	load(t, "frames.json", &vectors)
	check := func(side side, decode func(string) (Frame, *Failure)) {
		for _, v := range side.Valid {
			frame, failure := decode(v.Text)
			if failure != nil {
				t.Errorf("%s: %v", v.Name, failure)
				continue
			}
			if content, ok := frame["content"].([]byte); ok {
				frame["content"] = hex.EncodeToString(content)
			}
			if !sameJSON(t, frame.Encode(), string(v.Frame)) {
				t.Errorf("%s: %s, want %s", v.Name, frame.Encode(), v.Frame)
			}
		}
		for _, v := range side.Invalid {
			if _, failure := decode(v.Text); codeOf(failure) != v.Failure {
				t.Errorf("%s: %v, want %s", v.Name, failure, v.Failure)
			}
		}
	}
	check(vectors.Client, DecodeClientFrame)
	check(vectors.Relay, DecodeRelayFrame)
	for _, v := range vectors.Messages {
		equal(t, "to the relay", EncodeMessage(Key(v.To), v.Content), v.ToRelay.Binary)
		from, content, failure := DecodeMessage(v.FromRelay.Binary)
		if failure != nil || !bytes.Equal(from[:], v.From) || !bytes.Equal(content, v.Content) {
			t.Error(v.Name, "binary")
		}
		to := Frame{"type": "MESSAGE", "to": Key(v.To).String(), "content": []byte(v.Content)}
		if !sameJSON(t, to.Encode(), v.ToRelay.Json) {
			t.Error(v.Name, "to the relay, as JSON")
		}
		frame, failure := DecodeRelayFrame(v.FromRelay.Json)
		if failure != nil || !bytes.Equal(frame.bytes("from"), v.From) || !bytes.Equal(frame.bytes("content"), v.Content) {
			t.Error(v.Name, "JSON")
		}
	}
	for _, v := range vectors.InvalidBinary {
		if _, _, failure := DecodeMessage(v.Message); codeOf(failure) != "bad-frame" {
			t.Error(v.Name)
		}
	}
}
