{{ quarantined('returns') }}
