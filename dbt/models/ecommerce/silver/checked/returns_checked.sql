{{ checked('returns') }}
