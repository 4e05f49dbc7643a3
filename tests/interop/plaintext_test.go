package interop

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPlaintexts(t *testing.T) {
	type payload struct {
		Name      string
		Payload   json.RawMessage
		Plaintext hexBytes
	}
	var vectors struct {
		Padding []struct{ Length, Padme, Padded int }
		Data    struct {
			Valid []struct {
				Name, Padding    string
				Opcode           byte
				Fin              bool
				Bytes, Plaintext hexBytes
			}
			Together []struct {
				Name, Padding string
				Plaintext     hexBytes
				Messages      []struct {
					Text   *string
					Binary hexBytes
				}
			}
			Largest []struct {
				Name         string
				Plaintext    hexBytes
				Zeros, Items int
			}
			Invalid []struct {
				Name, Failure string
				Plaintext     hexBytes
				Zeros         int
			}
		}
		Control struct {
			Valid []struct {
				Type            byte
				Next, Limit, ID uint64
				Plaintext       hexBytes
			}
			Invalid []struct {
				Name      string
				Plaintext hexBytes
			}
		}
		Payloads struct{ Open, Accept, Read, InvalidOpen, InvalidAccept []payload }
	}
	load(t, "plaintexts.json", &vectors)
	for _, v := range vectors.Padding {
		if Padme(v.Length) != v.Padme || max(32, Padme(v.Length)) != v.Padded {
			t.Errorf("%d bytes: %d, want %d", v.Length, Padme(v.Length), v.Padme)
		}
	}
	for _, v := range vectors.Data.Valid {
		equal(t, v.Name, EncodeData(v.Padding == "padme", item{v.Opcode, v.Fin, v.Bytes}), v.Plaintext)
		found, next, failure := DecodeData(v.Plaintext, 0)
		if failure != nil || next != 0 || found.opcode != v.Opcode || found.final != v.Fin || !bytes.Equal(found.content, v.Bytes) {
			t.Error(v.Name, failure)
		}
	}
	for _, v := range vectors.Data.Together {
		items := []item{}
		for _, message := range v.Messages {
			if message.Text != nil {
				items = append(items, item{opText, true, []byte(*message.Text)})
			} else {
				items = append(items, item{opBinary, true, message.Binary})
			}
		}
		equal(t, v.Name, EncodeData(v.Padding == "padme", items...), v.Plaintext)
		at := 0
		for index, want := range items {
			found, next, failure := DecodeData(v.Plaintext, at)
			if failure != nil || found.opcode != want.opcode || !found.final || !bytes.Equal(found.content, want.content) ||
				(next == 0) != (index == len(items)-1) {
				t.Error(v.Name, index, failure)
			}
			at = next
		}
	}
	for _, v := range vectors.Data.Largest {
		plaintext, items := append(v.Plaintext, make([]byte, v.Zeros)...), 0
		for at := 0; at > 0 || items == 0; items++ {
			_, next, failure := DecodeData(plaintext, at)
			if failure != nil {
				t.Fatal(v.Name, failure)
			}
			at = next
		}
		if items != v.Items {
			t.Errorf("%s: %d items, want %d", v.Name, items, v.Items)
		}
	}
	for _, v := range vectors.Data.Invalid {
		plaintext := append(v.Plaintext, make([]byte, v.Zeros)...)
		_, next, failure := DecodeData(plaintext, 0)
		for next > 0 {
			_, next, failure = DecodeData(plaintext, next)
		}
		if codeOf(failure) != v.Failure {
			t.Errorf("%s: %v, want %s", v.Name, failure, v.Failure)
		}
	}
	for _, v := range vectors.Control.Valid {
		control := Control{v.Type, v.Next, v.Limit, v.ID}
		equal(t, "CONTROL", control.Encode(), v.Plaintext)
		if decoded, ok := DecodeControl(v.Plaintext); !ok || decoded != control {
			t.Errorf("%x: %v", v.Plaintext, decoded)
		}
	}
	for _, v := range vectors.Control.Invalid {
		if _, ok := DecodeControl(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
	encodesAs := func(v payload, decoded any, ok bool) {
		encoded, failure := EncodePayload(decoded)
		if !ok || failure != nil || !bytes.Equal(encoded, v.Plaintext) {
			t.Errorf("%s: %v %s", v.Payload, ok, encoded)
		}
	}
	for _, v := range vectors.Payloads.Open {
		decoded, ok := DecodeOpenPayload(v.Plaintext)
		encodesAs(v, decoded, ok)
	}
	for _, v := range vectors.Payloads.Read {
		decoded, ok := DecodeOpenPayload(v.Plaintext)
		written, err := json.Marshal(map[string]any{"resource": decoded.Resource, "protocols": decoded.Protocols, "limit": decoded.Limit})
		if !ok || err != nil || !sameJSON(t, string(written), string(v.Payload)) {
			t.Errorf("%s: %s", v.Name, written)
		}
	}
	for _, v := range vectors.Payloads.Accept {
		decoded, ok := DecodeAcceptPayload(v.Plaintext)
		encodesAs(v, decoded, ok)
	}
	for _, v := range vectors.Payloads.InvalidOpen {
		if _, ok := DecodeOpenPayload(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
	for _, v := range vectors.Payloads.InvalidAccept {
		if _, ok := DecodeAcceptPayload(v.Plaintext); ok {
			t.Error(v.Name)
		}
	}
}
