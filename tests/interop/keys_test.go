package interop

import (
	"bytes"
	"testing"
)

// TestChannels opens every frame of the recorded channels with the other end's keys, and seals it again.
func TestChannels(t *testing.T) {
	var vectors struct {
		Valid []struct {
			inputs
			Rekeys []struct{ EaSecret, EbSecret hexBytes }
			Epochs []written
			Steps  []struct {
				From, Kind       string
				Frame, Plaintext hexBytes
				Epoch            uint32
				Seq, Counter     uint64
				AfterMs          int64
			}
		}
	}
	load(t, "channels.json", &vectors)
	for _, v := range vectors.Valid {
		a, b, initiator := v.ends(t)
		equal(t, "OPEN", initiator.Frame, v.Steps[0].Frame)
		// The responder's keys: from ct and K as a library would give them.
		ct := v.Steps[1].Frame[headLength+32 : acceptBoxAt]
		secret, err := initiator.dk.Decapsulate(ct)
		if err != nil {
			t.Fatal(err)
		}
		responder, ok := ReceiveOpen(b, a.Public, v.Steps[0].Frame)
		payload, failure := EncodePayload(v.Accept)
		if !ok || failure != nil {
			t.Fatal("OPEN does not open")
		}
		accept, forB, ok := responder.Accept(v.EbSecret, ct, secret, payload)
		equal(t, "ACCEPT", accept, v.Steps[1].Frame)
		forA, _, opened := initiator.ReceiveAccept(accept)
		if !ok || !opened {
			t.Fatal("ACCEPT does not open")
		}
		v.Epochs[0].check(t, forA)
		rekeys, answered := 0, 0
		now, completed := int64(0), int64(0)
		// What each end has been charged for its DATA, by seq.
		charges := map[string][]uint64{}
		for _, step := range v.Steps[2:] {
			now += step.AfterMs
			from, to, peer, first := forA, forB, "responder", v.Open.Limit
			if step.From == "responder" {
				from, to, peer, first = forB, forA, "initiator", v.Accept.Limit
			}
			if step.Kind == "CONTROL" {
				control, ok := DecodeControl(step.Plaintext)
				if !ok {
					t.Fatal(v.Name, "a malformed CONTROL")
				}
				limit := first
				for _, charge := range charges[peer][:control.Next] {
					limit += charge
				}
				if control.Limit != limit {
					t.Errorf("%s: a CONTROL tells %d, want %d", v.Name, control.Limit, limit)
				}
				equal(t, "CONTROL", from.SealControl(step.Plaintext), step.Frame)
				plaintext, ok := to.OpenControl(step.Epoch, step.Counter, step.Frame[headLength+12:])
				if !ok || !bytes.Equal(plaintext, step.Plaintext) {
					t.Fatal(v.Name, "CONTROL does not open")
				}
				continue
			}
			found, next, failure := DecodeData(step.Plaintext, 0)
			opcode, content := found.opcode, found.content
			items := uint64(1)
			for ; failure == nil && next > 0; items++ {
				_, next, failure = DecodeData(step.Plaintext, next)
			}
			if failure != nil {
				t.Fatal(failure)
			}
			if step.Seq == uint64(len(charges[step.From])) {
				charge := uint64(0)
				if opcode <= opBinary {
					charge = uint64(len(step.Plaintext)) + items*itemCharge
				}
				charges[step.From] = append(charges[step.From], charge)
			}
			if opcode == opRekey && step.From == "initiator" {
				equal(t, "rekey", forA.StartRekey(v.Rekeys[answered].EaSecret), content)
			}
			equal(t, "DATA", from.SealData(step.Seq, step.Plaintext), step.Frame)
			plaintext, ok := to.OpenData(step.Seq, step.Frame[headLength+8:])
			if !ok || !bytes.Equal(plaintext, step.Plaintext) {
				t.Fatal(v.Name, "DATA does not open: seq", step.Seq)
			}
			switch {
			case opcode == opRekey && step.From == "initiator":
				answer, ok := forB.AnswerRekey(content, v.Rekeys[answered].EbSecret)
				if !ok {
					t.Fatal("no answer to rekey")
				}
				// The answer is the responder's next DATA; it is sealed below, under the old key.
				t.Logf("rekey %d: answer %x", answered, answer)
				answered++
			case opcode == opRekey:
				if rekeys > 0 && now-completed < 30_000 {
					t.Errorf("%s: rekey %d is answered %d ms after the one before", v.Name, answered, now-completed)
				}
				forB.SwitchSend()
				if !forA.FinishRekey(content) {
					t.Fatal("the answer is refused")
				}
			case opcode == opRekeyed:
				forA.SwitchSend()
				forA.Complete()
				forB.SwitchReceive()
				forB.Complete()
				rekeys++
				completed = now
				v.Epochs[rekeys].check(t, forA)
				v.Epochs[rekeys].check(t, forB)
			}
		}
		// An end that closes meanwhile sends no rekeyed.
		if answered != len(v.Rekeys) {
			t.Errorf("%s: %d rekeys, want %d", v.Name, answered, len(v.Rekeys))
		}
	}
}
