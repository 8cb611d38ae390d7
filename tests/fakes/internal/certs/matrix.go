package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Kinds are the certificates that Make knows, with what is wrong with each.
var Kinds = map[string]string{
	"good":           "nothing: as every other leaf of this store",
	"expired":        "NotAfter was yesterday",
	"not-yet":        "NotBefore is tomorrow",
	"self-signed":    "signed by its own key",
	"wrong-host":     "for wrong-host.example.test",
	"untrusted-root": "signed by a root that nobody has, of the same name as the known one",
	"rsa-1024":       "an RSA key of 1024 bits",
	"sha1":           "signed with SHA-1",
	"client-only":    "extended key usage clientAuth alone",
	"no-san":         "the name is only in the common name",
}

// KindNames lists Kinds in order.
func KindNames() []string {
	var out []string
	for kind := range Kinds {
		out = append(out, kind)
	}
	sort.Strings(out)
	return out
}

// Make signs a leaf of some kind for a name and keeps it as the answer for that name. It is made
// anew on every start: a bad certificate is not worth a file.
func (s *Store) Make(name, kind string) error {
	if kind == "" {
		kind = "good"
	}
	if _, ok := Kinds[kind]; !ok {
		return fmt.Errorf("unknown kind of certificate %q; known: %s", kind, strings.Join(KindNames(), " "))
	}
	var key crypto.Signer
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := template(name, 30*24*time.Hour)
	t.DNSNames = []string{name}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	parent, signer := s.Root, s.rootKey
	now := time.Now()
	switch kind {
	case "expired":
		t.NotBefore, t.NotAfter = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	case "not-yet":
		t.NotBefore, t.NotAfter = now.Add(24*time.Hour), now.Add(48*time.Hour)
	case "self-signed":
		parent, signer = t, key
	case "wrong-host":
		t.DNSNames = []string{"wrong-host.example.test"}
	case "untrusted-root":
		other, err := makeCA()
		if err != nil {
			return err
		}
		parent, signer = other.Leaf, other.PrivateKey.(crypto.Signer)
	case "rsa-1024":
		// A weak key is the point of this one.
		if key, err = rsa.GenerateKey(rand.Reader, 1024); err != nil {
			return err
		}
	case "sha1":
		t.SignatureAlgorithm = x509.ECDSAWithSHA1
	case "client-only":
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case "no-san":
		t.DNSNames = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("certificate of kind %s: %w", kind, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.leaves[strings.ToLower(name)] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return nil
}
